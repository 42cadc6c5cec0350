"""A Meta to read from: the sandbox's, over real HTTP, with one ad account in dollars whose days are Almaty's."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone

from analytics.models import AdSpend
from integrations.meta.pull import work
from integrations.models import MetaAdAccount, MetaPull
from leads.models import UserAccount
from sandbox import Server

ACT = "1001"
ALMATY = ZoneInfo("Asia/Almaty")


def today() -> date:
    return timezone.localdate(timezone=ALMATY)


def ago(days: int) -> date:
    return today() - timedelta(days=days)


def ad_account_of(account: UserAccount, act_id: str = ACT) -> MetaAdAccount:
    return MetaAdAccount.objects.create(user_account=account, act_id=act_id)


def pull(ad_account: MetaAdAccount, *, until_done: int = 0) -> MetaPull:
    """One turn of a worker; with `until_done` as many more as are needed, their pauses over. Fails when more are."""
    found = work(ad_account.pk)
    for _turn in range(until_done):
        if found is not None and found.state == MetaPull.State.DONE:
            break
        found = work(ad_account.pk)
    assert found is not None
    if until_done:
        assert found.state == MetaPull.State.DONE
    ad_account.refresh_from_db()
    return found


def books(account: UserAccount) -> list[tuple[date, str, Decimal]]:
    """What stands in the books: day, what the money was spent on, amount."""
    rows = AdSpend.objects.filter(user_account=account).select_related("creative").order_by("day", "what")
    return [(row.day, row.creative.name if row.creative else row.campaign, row.amount) for row in rows]


def spent(server: Server, days: int, ads: int, act_id: str = ACT) -> list[tuple[date, str, Decimal]]:
    """Gives Meta so many ads with a campaign of their own on each of the last days. What the books should say."""
    expected = []
    for number in range(days):
        for ad in range(ads):
            amount = Decimal(100 * number + ad) + Decimal("1.25")
            server.crm.meta.spend(act_id, ago(number), f"ad-{ad}", str(amount), campaign=f"campaign {ad}")
            expected.append((ago(number), f"campaign {ad}", amount))
    return sorted(expected)
