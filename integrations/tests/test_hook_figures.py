"""How late the hooks tell: from each change to the first delivery that told of it, by the account's days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import SyncRun, WebhookLog
from integrations.sync.figures import hook_week, last_delays, refresh_figures
from leads.days import midnight
from leads.models import UserAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> UserAccount:
    return UserAccount.objects.create(name="Alfa", timezone="Asia/Almaty")


@pytest.fixture
def today(account: UserAccount) -> datetime:
    """When the account's day began."""
    return midnight(timezone.localdate(timezone=account.zone), account)


def told(account: UserAccount, at: datetime, after: float, data: dict[str, Any]) -> None:
    """A delivery so many seconds after what it tells of, of which each item gets that moment."""
    for items in (items for actions in data.values() for items in actions.values()):
        for item in items:
            item.setdefault("updated_at", str(int(at.timestamp())))
    WebhookLog.objects.create(user_account=account, deal_data=data, received_at=at + timedelta(seconds=after))


def count(account: UserAccount) -> None:
    refresh_figures(account, SyncRun(user_account=account, pk=0))


def test_half_and_nearly_all_were_told_within_so_many_seconds(account: UserAccount, today: datetime) -> None:
    told(UserAccount.objects.create(name="Beta"), today, 3, {"leads": {"update": [{"id": "99"}]}})
    for number in range(20):
        told(account, today, 20 - number, {"leads": {"update": [{"id": str(number + 1)}]}})
    count(account)
    assert last_delays(account) == (11, 20)
    assert hook_week(account).told == 20


def test_the_first_telling_counts_and_each_deal_and_contact_for_itself(account: UserAccount, today: datetime) -> None:
    told(account, today, 4, {"leads": {"update": [{"id": "7"}]}})
    told(account, today, 90, {"leads": {"status": [{"id": "7"}]}})
    told(account, today, 6, {"contacts": {"update": [{"id": "7"}, {"id": "9", "type": "company"}]}})
    told(account, today, 8, {"contacts": {"add": [{"id": "8"}]}})  # with its deal, which would be the gap
    told(account, today, 8, {"leads": {"update": [{"id": "6", "updated_at": ""}, {"name": "without an id"}]}})
    count(account)
    assert hook_week(account).told == 2
    assert last_delays(account) == (6, 6)


def test_a_hook_of_a_clock_that_is_ahead_of_ours_was_not_late(account: UserAccount, today: datetime) -> None:
    told(account, today, 0, {"leads": {"update": [{"id": "7", "updated_at": str(int(today.timestamp()) + 5)}]}})
    count(account)
    assert last_delays(account) == (0, 0)


def test_a_day_is_the_accounts_own_and_the_newest_that_has_any_is_shown(account: UserAccount, today: datetime) -> None:
    told(account, today - timedelta(days=1), 5, {"leads": {"update": [{"id": "7"}]}})
    told(account, today - timedelta(seconds=2), 1, {"leads": {"update": [{"id": "8"}]}})
    count(account)
    assert last_delays(account) == (5, 5)
    told(account, today, 2, {"leads": {"update": [{"id": "7"}]}})
    count(account)
    assert last_delays(account) == (2, 2)


def test_where_nothing_was_told_no_delay_is_shown(account: UserAccount) -> None:
    assert last_delays(account) is None
    count(account)
    assert last_delays(account) is None
