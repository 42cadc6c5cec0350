"""The dashboard's leads: of the last days, by day, from rollups and from the rows alike."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.utils import timezone

from analytics.pages.dashboard_leads import Leads, leads_of
from analytics.reports.trend import Day
from analytics.rollups.folding import refresh
from leads.models import Lead, UserAccount
from leads.tests.cast import Cast

pytestmark = pytest.mark.django_db


def lead(account: UserAccount, at: datetime, status_id: int = 10, **columns: object) -> Lead:
    stands = {"current_pipeline_id": 1, "current_status_id": status_id}
    return Lead.objects.create(user_account=account, amocrm_created_at=at, **stands, **columns)


def days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def test_they_are_of_the_period_and_without_the_deleted(cast: Cast) -> None:
    lead(cast.alpha, days_ago(1))
    lead(cast.alpha, days_ago(2), is_qualified=True)
    lead(cast.alpha, days_ago(3), 142, is_qualified=True)
    lead(cast.alpha, days_ago(3), 142, is_qualified=True, is_deleted=True)
    lead(cast.alpha, days_ago(20), 142, is_qualified=True)
    lead(cast.beta, days_ago(1), 142, is_qualified=True)
    week, month = leads_of(cast.alpha, 7), leads_of(cast.alpha, 30)
    assert (week.leads, week.qualified, week.won) == (3, 2, 1)
    assert (month.leads, month.qualified, month.won) == (4, 3, 2)


def test_every_day_of_the_period_is_there(cast: Cast) -> None:
    lead(cast.alpha, days_ago(0))
    shown = leads_of(cast.alpha, 7)
    assert [day.leads for day in shown.days] == [0, 0, 0, 0, 0, 0, 1]
    assert shown.first == timezone.localdate(timezone=cast.alpha.zone) - timedelta(days=6)


@pytest.mark.parametrize("is_folded", [False, True])
def test_a_lead_stands_on_the_day_of_the_accounts_zone(cast: Cast, is_folded: bool) -> None:
    almaty = cast.alpha.zone
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=almaty), tick=False):
        lead(cast.alpha, datetime(2026, 3, 9, 23, 59, tzinfo=almaty))
        lead(cast.alpha, datetime(2026, 3, 10, 0, 0, tzinfo=almaty), is_qualified=True)
        lead(cast.alpha, datetime(2026, 3, 10, 11, 0, tzinfo=almaty))
        if is_folded:
            refresh(cast.alpha)
            # A line that is still loose, beside those folded.
            lead(cast.alpha, datetime(2026, 3, 10, 11, 30, tzinfo=almaty))
        *_earlier, yesterday, today = leads_of(cast.alpha, 7).days
    assert (yesterday.leads, yesterday.qualified) == (1, 0)
    assert (today.leads, today.qualified) == (2 + is_folded, 1)


def test_rates_have_two_digits_and_of_nothing_are_nothing() -> None:
    day = date(2026, 3, 10)
    shown = Leads([Day(day, 2, 1), Day(day, 1, 1)], won=1)
    assert (shown.qualification_rate, shown.conversion_rate) == (Decimal("66.67"), Decimal("50.00"))
    nothing = Leads([Day(day, 0, 0)], won=0)
    assert nothing.qualification_rate == nothing.conversion_rate == 0
