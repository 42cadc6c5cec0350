"""What people did about the year's money: paid referrers, found out whose sales were whose, and were told of some."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from analytics.earning.patterns import sales_assign
from analytics.earning.payout import pay_lines
from analytics.models import ReferralEarning, Referrer, Routing, Sale, SaleStatus, Targetologist
from integrations.models import NotificationState, SaleNotification
from integrations.notify.message import referrer_key, sale_text
from integrations.notify.sending import UNCERTAIN_TEXT
from leads.models import UserAccount

ASSIGNED_AFTER = timedelta(days=20)
TOLD = 30
NO_CHAT = "Bad Request: chat not found"
# The newest first.
STATES = {
    2: (NotificationState.FAILED, NO_CHAT),
    5: (NotificationState.UNCERTAIN, UNCERTAIN_TEXT),
    9: (NotificationState.FAILED, NO_CHAT),
    11: (NotificationState.FAILED, NO_CHAT),
}


def referrers_pay(account: UserAccount, days: Sequence[date]) -> None:
    """On the 5th of each month, what was earned until its 1st."""
    for day in days:
        if day.day == 5:
            first = datetime.combine(day.replace(day=1), time(), account.zone)
            lines = ReferralEarning.objects.filter(user_account=account, paid_at=None, created_at__lt=first)
            pay_lines(account, lines.values_list("pk", flat=True), datetime.combine(day, time(12), account.zone))


def unknown_assign(account: UserAccount, now: datetime, dice: random.Random) -> None:
    """Whose the sales of nobody known were, found out by hand; the newest still wait."""
    old = Sale.objects.filter(
        user_account=account, routing_decision=Routing.UNKNOWN, sold_at__lt=now - ASSIGNED_AFTER
    ).order_by("pk")
    people = list(Targetologist.objects.filter(user_account=account))
    theirs: dict[Targetologist, list[int]] = {person: [] for person in people}
    for sale_id in old.values_list("pk", flat=True):
        theirs[dice.choice(people)].append(sale_id)
    for person, sale_ids in theirs.items():
        sales_assign(account, sale_ids, person)


def messages_make(account: UserAccount) -> None:
    """The messages about the newest sales, as they were sent once; none of them waits to be sent."""
    newest = Sale.objects.filter(user_account=account, status=SaleStatus.PAID).select_related("targetologist")[:TOLD]
    referrers = {referrer.code_key: referrer for referrer in Referrer.objects.filter(user_account=account)}
    rows = []
    for number, sale in enumerate(newest):
        state, detail = STATES.get(number, (NotificationState.SENT, ""))
        is_sent = state == NotificationState.SENT
        rows.append(
            SaleNotification(
                user_account=account,
                sale=sale,
                text=sale_text(sale, referrers.get(referrer_key(sale)), "ru"),
                state=state,
                detail=detail,
                attempts=1,
                queued_at=sale.sold_at,
                sent_at=sale.sold_at + timedelta(seconds=2) if is_sent else None,
            )
        )
    SaleNotification.objects.bulk_create(reversed(rows))
