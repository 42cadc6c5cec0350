"""`/app/roi`, `/app/sales` and the dashboard's money: the reports' figures, leading to the rows behind them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import AdSpend, ExchangeRate, Routing, Sale
from analytics.pages.dashboard_money import money_of
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.tests.reports_world import March
from leads.amounts import money
from leads.models import Creative, Lead, User
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

MARCH = {"since": "2026-03-01", "until": "2026-03-31"}
DAYS = (date(2026, 3, 1), date(2026, 3, 31))


def text_of(cast: Cast, address: str, user: Any = None, **query: str) -> str:
    answer = client(user or cast.vera).get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def rows_of(page: str) -> list[tuple[str, list[str]]]:
    """Name and exact values of each line of the table, the total last."""
    found = []
    for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL):
        if name := re.search(r'<th scope="row">(.*?)</th>', row, re.DOTALL):
            cells = re.findall(r"<td.*?</td>", row, re.DOTALL)
            values = [match.group(1) if (match := re.search(r'<data value="(.*?)"', cell)) else "" for cell in cells]
            found.append((unescape(re.sub(r"<[^>]*>", "", name.group(1))), values))
    return found


def values_of(figures: Any) -> list[str]:
    names = ("leads", "qualified_leads", "sales", "revenue", "spend", "profit", "roi", "roas", "cpl", "cpql", "cac")
    return ["" if (value := getattr(figures, name)) is None else str(value) for name in names]


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("group_by", GroupBy)
def test_the_table_says_what_the_report_says(cast: Cast, march: March, group_by: GroupBy, basis: Basis) -> None:
    report = roi(Span(cast.alpha, *DAYS), group_by, basis)
    shown = rows_of(text_of(cast, "/app/roi/", by=group_by, basis=basis, **MARCH))
    assert [values for _name, values in shown] == [values_of(row.figures) for row in report.rows] + [
        values_of(report.totals)
    ]
    assert [name for name, _values in shown if not name.startswith("No ")] == [
        *(row.name for row in report.rows if row.key is not None),
        "Total",
    ]


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("group_by", GroupBy)
def test_a_figure_of_sales_leads_to_just_these_sales(cast: Cast, march: March, group_by: GroupBy, basis: Basis) -> None:
    page = text_of(cast, "/app/roi/", by=group_by, basis=basis, **MARCH)
    links = re.findall(r'href="(/app/sales[^"]*)"><data value="(\d+)"', page)
    assert len(links) > 2
    for address, count in links:
        listed = client(cast.vera).get(unescape(address)).content.decode()
        assert f"<p>{count} sale" in listed, address


@pytest.mark.parametrize("group_by", [by for by in GroupBy if by is not GroupBy.REFERRER])
def test_a_figure_of_spend_leads_to_rows_that_come_to_it(cast: Cast, march: March, group_by: GroupBy) -> None:
    page = text_of(cast, "/app/roi/", by=group_by, **MARCH)
    links = re.findall(r'href="(/app/spend[^"]*)"><data value="([\d.]+)"', page)
    assert len(links) > 2
    for address, amount in links:
        listed = client(cast.vera).get(unescape(address)).content.decode()
        assert f"{money(Decimal(amount), 'KZT')}</p>" in listed, address


def test_the_total_of_leads_leads_to_these_leads(cast: Cast, march: March) -> None:
    address = re.search(r'href="(/app/leads[^"]*)"><data value="6"', text_of(cast, "/app/roi/", **MARCH))
    assert address is not None
    assert "<p>6 leads" in text_of(cast, unescape(address.group(1)))


def test_a_column_sorts_both_ways_and_none_stays_last(cast: Cast, march: March) -> None:
    def names(order: str) -> list[str]:
        return [name for name, _values in rows_of(text_of(cast, "/app/roi/", order=order, **MARCH))]

    assert names("-profit") == ["Video", "Story", "Photo", "No creative", "Total"]
    assert names("profit") == ["Photo", "Story", "Video", "No creative", "Total"]
    assert names("-roi") == ["Video", "Photo", "Story", "No creative", "Total"]  # Story has none
    assert names("roi") == ["Photo", "Video", "Story", "No creative", "Total"]
    assert names("name") == ["Photo", "Story", "Video", "No creative", "Total"]
    assert names("password") == names("")
    page = text_of(cast, "/app/roi/", order="-profit", **MARCH)
    assert 'aria-sort="descending"' in page


def test_the_reports_own_order_says_what_it_is(cast: Cast, march: March) -> None:
    page = text_of(cast, "/app/roi/", **MARCH)
    assert re.search(r'aria-sort="descending"><a href="[^"]*order=spend', page)
    assert re.search(r'<summary>Sort by <strong class="descending">Spend', page)


def test_the_csv_link_is_the_same_report(cast: Cast, march: March) -> None:
    page = text_of(cast, "/app/roi/", by="campaign", basis="cohort", **MARCH)
    address = re.search(r'href="([^"]*format=csv[^"]*)"', page)
    assert address is not None
    answer = client(cast.vera).get(unescape(address.group(1)))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "OnAI_spring" in answer.content.decode()
    assert "roi-campaign-2026-03-01-2026-03-31.csv" in answer["Content-Disposition"]


def test_missing_exchange_rates_are_said_plainly(cast: Cast, march: March) -> None:
    ExchangeRate.objects.all().delete()
    page = text_of(cast, "/app/roi/", **MARCH)
    assert "Exchange rates are missing." in page
    assert "USD: 16.03.2026" in page
    assert "an exchange rate is missing" in page
    assert "Exchange rates are missing." not in text_of(cast, "/app/roi/", since="2026-03-01", until="2026-03-15")


def test_without_anything_the_page_says_what_to_do(cast: Cast) -> None:
    assert "Nothing on these days" in text_of(cast, "/app/roi/")


def test_without_spend_the_page_says_so(cast: Cast, march: March) -> None:
    AdSpend.objects.all().delete()
    said = "No spend was entered for these days"
    assert said in text_of(cast, "/app/roi/", **MARCH)
    assert "/app/spend/upload" not in text_of(cast, "/app/roi/", **MARCH)
    assert "/app/spend/upload" in text_of(cast, "/app/roi/", cast.sam, **MARCH)


@pytest.mark.parametrize(
    "query",
    [
        {"by": "colour", "basis": "x", "page": "99", "days": "1"},
        {"since": "x", "until": "2026-13-01"},
        {"since": "2026-03-31", "until": "2026-03-01"},
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"creative": "x", "direction": "9" * 30, "targetologist": "x", "referrer": "-1", "q": "\u0130 9" * 9},
    ],
)
@pytest.mark.parametrize("address", ["/app/roi/", "/app/sales/", "/app/funnel/", "/app/spend/"])
def test_what_cannot_be_meant_harms_nothing(cast: Cast, march: March, address: str, query: dict[str, str]) -> None:
    assert "<h1" in text_of(cast, address, **query)


def test_the_days_asked_the_wrong_way_round_are_said(cast: Cast) -> None:
    shown = text_of(cast, "/app/roi/", since="2026-03-31", until="2026-03-01")
    assert "The first day is after the last." in shown
    assert "The last 30 days are shown instead." in shown


@pytest.mark.parametrize("address", ["/app/roi/", "/app/sales/", "/app/funnel/", "/app/spend/"])
def test_nothing_of_anothers_account_is_seen(cast: Cast, march: March, address: str) -> None:
    page = text_of(cast, address, cast.charlie, **MARCH)
    assert "Video" not in page
    assert "Muha" not in page


# --- Sales ---


def test_a_sale_says_who_is_credited_and_why(cast: Cast, march: March) -> None:
    sale = Sale.objects.get(amocrm_deal_id=1)
    Sale.objects.filter(pk=sale.pk).update(routing_reason="traffic: 'onai' in utm_campaign", client_name="Dana")
    page = unescape(text_of(cast, "/app/sales/", targetologist=str(march.key("Muha")), **MARCH))
    assert "Muha" in page
    assert "traffic: 'onai' in utm_campaign" in page
    assert f"/app/leads/{sale.lead_id}" in page
    assert "/app/deliveries?deal=1" in page
    assert "Aida" in text_of(cast, "/app/sales/", referrer=str(march.key("ref_AIDA")))


def test_sales_of_nobody_known_are_found(cast: Cast, march: March) -> None:
    Sale.objects.update(routing_decision=Routing.TRAFFIC)
    Sale.objects.filter(amocrm_deal_id=5).update(routing_decision=Routing.REFERRAL)
    assert "<p>2 sales" in text_of(cast, "/app/sales/", credit="queue")
    Sale.objects.update(routing_decision=Routing.BOTH)
    assert "Nobody is missing" in text_of(cast, "/app/sales/", credit="queue")


def test_the_paid_are_summed_by_currency(cast: Cast, march: March) -> None:
    page = text_of(cast, "/app/sales/", **MARCH)
    assert "217,000\xa0₸ paid" in page
    assert "10\xa0$ paid" in page


def test_a_clients_phone_may_be_written_in_any_way(cast: Cast, march: March) -> None:
    Sale.objects.filter(amocrm_deal_id=1).update(client_phone="+77011234567", client_name="Даурен")
    for text in ("8 701 123 45 67", "+7 (701) 123-45-67", "даурен", "#1"):
        assert "<p>1 sale" in text_of(cast, "/app/sales/", q=text), text


def test_without_sales_the_page_says_what_to_do(cast: Cast) -> None:
    assert "No sales yet" in text_of(cast, "/app/sales/")


# --- The dashboard ---


def test_the_dashboard_ranks_creatives_on_which_money_was_spent(cast: Cast) -> None:
    today = timezone.localdate(timezone=cast.alpha.zone)
    for number in range(5):
        creative = Creative.objects.create(user_account=cast.alpha, name=f"Creative {number}")
        AdSpend.objects.create(
            user_account=cast.alpha, day=today, creative=creative, amount=Decimal(100 * (number + 1)), currency="KZT"
        )
        lead = Lead.objects.create(user_account=cast.alpha, creative=creative)
        # The first four brought more than they cost.
        if number < 4:
            Sale.objects.create(
                user_account=cast.alpha, lead=lead, sold_at=timezone.now(), amount=Decimal(750), currency="KZT"
            )
    Creative.objects.create(user_account=cast.alpha, name="Free")
    Sale.objects.create(
        user_account=cast.alpha, sold_at=timezone.now() - timedelta(days=40), amount=Decimal(7), currency="KZT"
    )
    money = money_of(cast.alpha, 30)
    assert [row.name for row in money.best] == ["Creative 0", "Creative 1", "Creative 2"]
    assert [row.name for row in money.worst] == ["Creative 4", "Creative 3"]
    assert (money.totals.sales, money.totals.spend, money.totals.roi) == (4, Decimal(1500), Decimal(100))
    page = text_of(cast, "/app/")
    assert "Best creatives" in page
    assert "100.0%" in page


def test_the_dashboard_makes_as_many_queries_however_much_there_is(cast: Cast, march: March) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            text_of(cast, "/app/", days="90")
        return len(captured)

    today = timezone.localdate(timezone=cast.alpha.zone)
    AdSpend.objects.create(user_account=cast.alpha, day=today, campaign="x", amount=Decimal(1), currency="KZT")
    before = queries()
    for number in range(20):
        creative = Creative.objects.create(user_account=cast.alpha, name=str(number))
        AdSpend.objects.create(
            user_account=cast.alpha, day=today, creative=creative, amount=Decimal(number), currency="KZT"
        )
    assert queries() == before


def test_who_may_enter_what_the_rows_name_is_led_there(cast: Cast, march: March) -> None:
    User.objects.filter(pk__in=[cast.sam.pk, cast.vera.pk]).update(is_staff=True)
    cast.sam.refresh_from_db()
    cast.vera.refresh_from_db()
    for by, address in (("creative", "leads/creative"), ("targetologist", "analytics/targetologist")):
        for days in (MARCH, {"since": "2020-01-01", "until": "2020-01-02"}):
            assert f"/admin/{address}/" in text_of(cast, "/app/roi/", cast.sam, by=by, **days)
            assert f"/admin/{address}/" not in text_of(cast, "/app/roi/", cast.vera, by=by, **days)


def test_a_sale_credited_to_the_wrong_person_leads_to_where_it_is_assigned(cast: Cast, march: March) -> None:
    cast.sam.is_staff = True
    cast.sam.save()
    deal = Sale.objects.filter(user_account=cast.alpha, amocrm_deal_id__isnull=False).order_by("-sold_at").first()
    assert deal is not None
    address = f"/admin/analytics/sale/assign/?ids={deal.pk}"
    assert address in text_of(cast, "/app/sales/", cast.sam)
    assert address not in text_of(cast, "/app/sales/", cast.vera)
    assert client(cast.sam).get(address).status_code == 200
