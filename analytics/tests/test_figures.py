"""What the figures of a report row mean, computed by hand, and a targetologist's day, week and month."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from analytics.earning.figures import CreativeSales, Period, by_creative, periods
from analytics.models import Sale, SaleStatus
from analytics.reports.figures import Figures, MissingRates, missing_rates, percent, ratio, total
from leads.models import Creative, Lead, UserAccount
from leads.tests.world import account

FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 5)


def row(**values: object) -> Figures:
    figures = Figures(leads=8, qualified_leads=4, sales=3, revenue=Decimal(1000), spend=Decimal(400))
    for name, value in values.items():
        setattr(figures, name, value)
    return figures


def test_rates_and_costs_follow_from_the_sums() -> None:
    figures = row()
    assert (figures.profit, figures.roi, figures.roas) == (Decimal(600), Decimal(150), Decimal("2.5"))
    assert (figures.cpl, figures.cpql, figures.cac) == (Decimal(50), Decimal(100), Decimal("133.33"))


def test_a_loss_is_negative() -> None:
    figures = row(revenue=Decimal(300))
    assert (figures.profit, figures.roi, figures.roas) == (Decimal(-100), Decimal(-25), Decimal("0.75"))


def test_nothing_is_divided_by_nothing() -> None:
    figures = row(leads=0, qualified_leads=0, sales=0, spend=Decimal(0))
    assert figures.profit == Decimal(1000)
    assert (figures.roi, figures.roas, figures.cpl, figures.cpql, figures.cac) == (None,) * 5


def test_without_spend_a_lead_costs_nothing() -> None:
    assert row(spend=Decimal(0)).cpl == Decimal(0)


def test_revenue_without_a_rate_leaves_the_costs_of_leads_alone() -> None:
    figures = row(revenue_lacks={("USD", FIRST)})
    assert (figures.profit, figures.roi, figures.roas) == (None, None, None)
    assert (figures.cpl, figures.cpql, figures.cac) == (Decimal(50), Decimal(100), Decimal("133.33"))


def test_spend_without_a_rate_leaves_nothing_to_be_said_of_it() -> None:
    figures = row(spend_lacks={("USD", FIRST)})
    assert (figures.profit, figures.roi, figures.roas) == (None, None, None)
    assert (figures.cpl, figures.cpql, figures.cac) == (None, None, None)


def test_a_total_is_the_sum_of_its_rows_and_lacks_what_any_of_them_lacks() -> None:
    rows = [
        row(revenue_lacks={("USD", FIRST)}, spend_lacks={("EUR", FIRST)}),
        row(leads=2, revenue=Decimal("0.5"), revenue_lacks={("USD", SECOND)}, spend_lacks={("EUR", SECOND)}),
    ]
    assert total(rows) == Figures(
        leads=10,
        qualified_leads=8,
        sales=6,
        revenue=Decimal("1000.5"),
        spend=Decimal(800),
        revenue_lacks={("USD", FIRST), ("USD", SECOND)},
        spend_lacks={("EUR", FIRST), ("EUR", SECOND)},
    )
    assert total([]) == Figures()


def test_missing_rates_are_told_by_currency_each_day_once() -> None:
    figures = row(
        revenue_lacks={("USD", THIRD), ("USD", FIRST), ("RUB", SECOND)}, spend_lacks={("USD", FIRST), ("USD", SECOND)}
    )
    assert missing_rates(figures) == [
        MissingRates("RUB", SECOND, SECOND, 1),
        MissingRates("USD", FIRST, THIRD, 3),
    ]


@pytest.mark.parametrize(
    ("part", "whole", "expected"), [("1", "3", "0.33"), ("1", "200", "0.01"), ("0.0149", "3", "0.00"), ("5", "0", None)]
)
def test_a_ratio_is_half_up_to_two_digits(part: str, whole: str, expected: str | None) -> None:
    assert ratio(Decimal(part), Decimal(whole)) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(("part", "whole", "expected"), [(2, 3, "66.67"), (1, 1, "100"), (0, 7, "0"), (3, 0, "0")])
def test_a_percentage_of_nothing_is_0(part: int, whole: int, expected: str) -> None:
    assert percent(part, whole) == Decimal(expected)


def sold(
    owner: UserAccount,
    at: datetime,
    amount: str,
    currency: str = "KZT",
    status: str = SaleStatus.PAID,
    creative: Creative | None = None,
) -> None:
    lead = Lead.objects.create(user_account=owner, creative=creative)
    Sale.objects.create(
        user_account=owner, lead=lead, sold_at=at, amount=Decimal(amount), currency=currency, status=status
    )


@pytest.mark.django_db
@time_machine.travel(datetime(2026, 3, 11, 18, 59, tzinfo=UTC), tick=False)
def test_day_week_and_month_begin_at_the_accounts_own_midnight() -> None:
    """In Almaty it is 23:59 of Wednesday the 11th: the week began on Monday the 9th."""
    alfa = account(timezone="Asia/Almaty")
    sold(alfa, datetime(2026, 3, 10, 19, 0, tzinfo=UTC), "1.10")  # midnight of Wednesday
    sold(alfa, datetime(2026, 3, 11, 12, 0, tzinfo=UTC), "5", "USD")
    sold(alfa, datetime(2026, 3, 10, 18, 59, tzinfo=UTC), "10")  # still Tuesday
    sold(alfa, datetime(2026, 3, 8, 18, 59, tzinfo=UTC), "100")  # still Sunday
    sold(alfa, datetime(2026, 2, 28, 18, 59, tzinfo=UTC), "1000")  # still February
    sold(alfa, datetime(2026, 3, 11, 12, 0, tzinfo=UTC), "10000", status=SaleStatus.CANCELLED)
    assert periods(Sale.objects.filter(user_account=alfa), alfa) == [
        Period("day", date(2026, 3, 11), 2, {"KZT": Decimal("1.10"), "USD": Decimal(5)}),
        Period("week", date(2026, 3, 9), 3, {"KZT": Decimal("11.10"), "USD": Decimal(5)}),
        Period("month", date(2026, 3, 1), 4, {"KZT": Decimal("111.10"), "USD": Decimal(5)}),
    ]


@pytest.mark.django_db
@time_machine.travel(datetime(2026, 4, 2, 6, 0, tzinfo=UTC), tick=False)
def test_a_week_may_begin_before_its_month() -> None:
    alfa = account(timezone="Asia/Almaty")
    sold(alfa, datetime(2026, 3, 31, 6, 0, tzinfo=UTC), "7")
    assert [period.sales for period in periods(Sale.objects.filter(user_account=alfa), alfa)] == [0, 1, 0]


@pytest.mark.django_db
@time_machine.travel(datetime(2026, 3, 11, 18, 59, tzinfo=UTC), tick=False)
def test_creatives_stand_by_what_they_earned_in_the_accounts_currency() -> None:
    alfa = account(timezone="Asia/Almaty")
    banner, video = (Creative.objects.create(user_account=alfa, name=name) for name in ("banner", "video"))
    made = (
        (banner, "5", "USD"),
        (banner, "7", "KZT"),
        (video, "9.10", "KZT"),
        (video, "0.90", "KZT"),
        (None, "9", "RUB"),
    )
    for creative, amount, currency in made:
        sold(alfa, datetime(2026, 3, 9, 19, 0, tzinfo=UTC), amount, currency, creative=creative)
    sold(alfa, datetime(2026, 3, 9, 18, 59, tzinfo=UTC), "100", creative=banner)  # the day before
    sold(alfa, datetime(2026, 3, 10, 12, 0, tzinfo=UTC), "100", status=SaleStatus.CANCELLED, creative=banner)
    assert by_creative(Sale.objects.filter(user_account=alfa), alfa, date(2026, 3, 10)) == [
        CreativeSales(video.pk, "video", 2, {"KZT": Decimal(10)}),
        CreativeSales(banner.pk, "banner", 2, {"KZT": Decimal(7), "USD": Decimal(5)}),
        CreativeSales(None, None, 1, {"RUB": Decimal(9)}),
    ]
