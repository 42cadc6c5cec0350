"""Every figure of `/analytics/roi`, computed by hand from the tables in `reports_world`.

By sale count the sales of March, whenever their leads came; by cohort those to the leads of March, so that of lead 3 in
April comes in, that of lead 8 and the one without a lead stay out. Leads and spend are the same.
"""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from analytics.models import AdSpend, ConversionStatus, ExchangeRate, ReferralConversion, ReportSnapshot, Sale
from analytics.reports.figures import total
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.snapshots.sums import sums_as_of
from analytics.snapshots.taking import take_snapshot
from analytics.tests.reports_world import March, local, rate, table
from leads.models import Creative, Direction, Lead
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

MARCH = {"from": "2026-03-01", "to": "2026-03-31"}
BY_SALE = {
    "creative": """
name  | leads | qual | sales | revenue   | spend    | profit    | roi    | roas | cpl     | cpql     | cac
—     | 2     | 2    | 3     | 42000.00  | 17000.00 | 25000.00  | 147.06 | 2.47 | 8500.00 | 8500.00  | 5666.67
Video | 2     | 1    | 2     | 180000.00 | 10000.00 | 170000.00 | 1700   | 18   | 5000.00 | 10000.00 | 5000.00
Photo | 1     | 1    | 0     | 0.00      | 5000.00  | -5000.00  | -100   | 0    | 5000.00 | 5000.00  | null
Story | 1     | 0    | 0     | 0.00      | 0.00     | 0.00      | null   | null | 0.00    | null     | null
""",
    "direction": """
name   | leads | qual | sales | revenue   | spend    | profit    | roi    | roas | cpl     | cpql    | cac
School | 3     | 2    | 2     | 180000.00 | 15000.00 | 165000.00 | 1100   | 12   | 5000.00 | 7500.00 | 7500.00
—      | 2     | 2    | 3     | 42000.00  | 13000.00 | 29000.00  | 223.08 | 3.23 | 6500.00 | 6500.00 | 4333.33
Camp   | 1     | 0    | 0     | 0.00      | 4000.00  | -4000.00  | -100   | 0    | 4000.00 | null    | null
""",
    "campaign": """
name        | leads | qual | sales | revenue   | spend    | profit    | roi     | roas  | cpl      | cpql     | cac
—           | 2     | 1    | 1     | 30000.00  | 29000.00 | 1000.00   | 3.45    | 1.03  | 14500.00 | 29000.00 | 29000.00
OnAI_spring | 3     | 2    | 3     | 185000.00 | 3000.00  | 182000.00 | 6066.67 | 61.67 | 1000.00  | 1500.00  | 1000.00
Summer      | 1     | 1    | 1     | 7000.00   | 0.00     | 7000.00   | null    | null  | 0.00     | 0.00     | 0.00
""",
    "targetologist": """
name  | leads | qual | sales | revenue   | spend    | profit    | roi   | roas | cpl      | cpql     | cac
—     | 2     | 1    | 2     | 37000.00  | 22000.00 | 15000.00  | 68.18 | 1.68 | 11000.00 | 22000.00 | 11000.00
Muha  | 3     | 2    | 3     | 185000.00 | 10000.00 | 175000.00 | 1750  | 18.5 | 3333.33  | 5000.00  | 3333.33
Traf4 | 1     | 1    | 0     | 0.00      | 0.00     | 0.00      | null  | null | 0.00     | 0.00     | null
""",
    "referrer": """
name | leads | qual | sales | revenue   | spend    | profit    | roi  | roas | cpl     | cpql     | cac
—    | 5     | 3    | 4     | 192000.00 | 32000.00 | 160000.00 | 500  | 6    | 6400.00 | 10666.67 | 8000.00
Aida | 1     | 1    | 1     | 30000.00  | 0.00     | 30000.00  | null | null | 0.00    | 0.00     | 0.00
""",
}
BY_SALE_TOTALS = """
leads | qual | sales | revenue   | spend    | profit    | roi    | roas | cpl     | cpql    | cac
6     | 4    | 5     | 222000.00 | 32000.00 | 190000.00 | 593.75 | 6.94 | 5333.33 | 8000.00 | 6400.00
"""
BY_COHORT = {
    "creative": """
name  | leads | qual | sales | revenue   | spend    | profit   | roi    | roas | cpl     | cpql     | cac
—     | 2     | 2    | 2     | 35000.00  | 17000.00 | 18000.00 | 105.88 | 2.06 | 8500.00 | 8500.00  | 8500.00
Video | 2     | 1    | 1     | 100000.00 | 10000.00 | 90000.00 | 900    | 10   | 5000.00 | 10000.00 | 10000.00
Photo | 1     | 1    | 1     | 50000.00  | 5000.00  | 45000.00 | 900    | 10   | 5000.00 | 5000.00  | 5000.00
Story | 1     | 0    | 0     | 0.00      | 0.00     | 0.00     | null   | null | 0.00    | null     | null
""",
    "direction": """
name   | leads | qual | sales | revenue   | spend    | profit    | roi    | roas | cpl     | cpql    | cac
School | 3     | 2    | 2     | 150000.00 | 15000.00 | 135000.00 | 900    | 10   | 5000.00 | 7500.00 | 7500.00
—      | 2     | 2    | 2     | 35000.00  | 13000.00 | 22000.00  | 169.23 | 2.69 | 6500.00 | 6500.00 | 6500.00
Camp   | 1     | 0    | 0     | 0.00      | 4000.00  | -4000.00  | -100   | 0    | 4000.00 | null    | null
""",
    "campaign": """
name        | leads | qual | sales | revenue   | spend    | profit    | roi  | roas | cpl      | cpql     | cac
—           | 2     | 1    | 1     | 30000.00  | 29000.00 | 1000.00   | 3.45 | 1.03 | 14500.00 | 29000.00 | 29000.00
OnAI_spring | 3     | 2    | 2     | 105000.00 | 3000.00  | 102000.00 | 3400 | 35   | 1000.00  | 1500.00  | 1500.00
Summer      | 1     | 1    | 1     | 50000.00  | 0.00     | 50000.00  | null | null | 0.00     | 0.00     | 0.00
""",
    "targetologist": """
name  | leads | qual | sales | revenue   | spend    | profit   | roi   | roas | cpl      | cpql     | cac
—     | 2     | 1    | 1     | 30000.00  | 22000.00 | 8000.00  | 36.36 | 1.36 | 11000.00 | 22000.00 | 22000.00
Muha  | 3     | 2    | 2     | 105000.00 | 10000.00 | 95000.00 | 950   | 10.5 | 3333.33  | 5000.00  | 5000.00
Traf4 | 1     | 1    | 1     | 50000.00  | 0.00     | 50000.00 | null  | null | 0.00     | 0.00     | 0.00
""",
    "referrer": """
name | leads | qual | sales | revenue   | spend    | profit    | roi    | roas | cpl     | cpql     | cac
—    | 5     | 3    | 3     | 155000.00 | 32000.00 | 123000.00 | 384.38 | 4.84 | 6400.00 | 10666.67 | 10666.67
Aida | 1     | 1    | 1     | 30000.00  | 0.00     | 30000.00  | null   | null | 0.00    | 0.00     | 0.00
""",
}
BY_COHORT_TOTALS = """
leads | qual | sales | revenue   | spend    | profit    | roi    | roas | cpl     | cpql    | cac
6     | 4    | 4     | 185000.00 | 32000.00 | 153000.00 | 478.13 | 5.78 | 5333.33 | 8000.00 | 8000.00
"""
HEADERS = {"qual": "qualified_leads"}
NUMBERS = ("leads", "qualified_leads", "sales", "roi", "roas")


def asked(cast: Cast, **query: str) -> Any:
    return client(cast.vera).get("/analytics/roi", MARCH | query)


def shown(figures: dict[str, Any]) -> dict[str, Any]:
    """As in the tables: texts, but counts and rates compared as numbers."""
    return {name: value for name, value in figures.items() if name not in ("key", "currency", "missing_rates")}


def expected(text: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{HEADERS.get(name, name): cell for name, cell in row.items()} for row in table(text)]
    for row in rows:
        for name, value in row.items():
            row[name] = None if value == "null" else float(value) if name in NUMBERS else value
    return rows


def by_name(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["name"]))


@pytest.mark.parametrize("group_by", GroupBy.values)
@pytest.mark.parametrize("basis", Basis.values)
def test_every_figure_is_as_computed_by_hand(cast: Cast, march: March, group_by: str, basis: str) -> None:
    rows, totals = {"sale": (BY_SALE, BY_SALE_TOTALS), "cohort": (BY_COHORT, BY_COHORT_TOTALS)}[basis]
    body = asked(cast, group_by=group_by, basis=basis).json()
    assert by_name([shown(row) for row in body["rows"]]) == by_name(expected(rows[group_by]))
    assert shown(body["totals"]) == expected(totals)[0]
    assert (body["group_by"], body["basis"], body["currency"]) == (group_by, basis, "KZT")
    assert body["missing_rates"] == []


@pytest.mark.parametrize("group_by", ["creative", "direction", "targetologist", "referrer"])
def test_keys_are_our_ids_and_null_for_none(cast: Cast, march: March, group_by: str) -> None:
    rows = asked(cast, group_by=group_by).json()["rows"]
    aida = {"Aida": march.key("ref_AIDA")}
    assert {row["name"]: row["key"] for row in rows} == {
        row["name"]: aida.get(row["name"]) or march.key(row["name"]) for row in rows
    }
    assert rows[-1]["key"] is None


def test_a_campaigns_key_is_its_name_in_the_spelling_met_most(cast: Cast, march: March) -> None:
    rows = asked(cast, group_by="campaign").json()["rows"]
    assert [row["key"] for row in rows] == ["OnAI_spring", "Summer", None]


def test_campaigns_are_one_in_any_case_of_any_alphabet(cast: Cast) -> None:
    for spelling in ("Весна", "ВЕСНА", " весна "):
        Lead.objects.create(user_account=cast.alpha, utm_campaign=spelling)
    AdSpend.objects.create(user_account=cast.alpha, day=date(2026, 3, 1), campaign="весНА", amount=300, currency="KZT")
    (row,) = client(cast.vera).get("/analytics/roi?group_by=campaign").json()["rows"]
    assert (row["leads"], row["spend"], row["cpl"]) == (3, "300.00", "100.00")


@pytest.mark.parametrize("basis", Basis.values)
@pytest.mark.parametrize("creative", ["Video", ""])
def test_a_sale_stands_under_the_direction_that_its_lead_names_before_that_of_its_creative(
    cast: Cast, march: March, basis: str, creative: str
) -> None:
    came = local(march.account, "2026-02-10 12:00")
    lead = Lead.objects.create(
        user_account=march.account,
        creative=Creative.objects.filter(name=creative).first(),
        direction=Direction.objects.get(name="Camp"),
        amocrm_created_at=came,
    )
    Sale.objects.create(user_account=march.account, lead=lead, amount=500, currency="KZT", sold_at=came)
    february = {"from": "2026-02-10", "to": "2026-02-10"}
    (row,) = asked(cast, group_by="direction", basis=basis, **february).json()["rows"]
    assert (row["name"], row["leads"], row["sales"], row["revenue"]) == ("Camp", 1, 1, "500.00")


@pytest.mark.parametrize(("basis", "sales"), [("sale", 1), ("cohort", 0)])
def test_a_purchase_of_a_deleted_lead_is_money_of_its_day_and_belongs_to_no_cohort(
    cast: Cast, march: March, basis: str, sales: int
) -> None:
    noon = local(march.account, "2026-02-10 12:00")
    lead = Lead.objects.create(user_account=march.account, amocrm_created_at=noon, is_deleted=True)
    Sale.objects.create(user_account=march.account, lead=lead, amount=500, currency="KZT", sold_at=noon)
    february = {"from": "2026-02-10", "to": "2026-02-10"}
    totals = asked(cast, basis=basis, **february).json()["totals"]
    assert (totals["leads"], totals["sales"], totals["revenue"]) == (0, sales, f"{500 * sales}.00")


@pytest.mark.parametrize("basis", Basis.values)
@pytest.mark.parametrize(
    ("status", "name"),
    [(ConversionStatus.ACTIVE, "Aida"), (ConversionStatus.SELF_REFERRAL, "Aida"), (ConversionStatus.REVERSED, "—")],
)
def test_a_sale_is_its_referrers_also_when_it_earns_nothing_until_it_comes_by_the_code_no_more(
    cast: Cast, march: March, basis: str, status: ConversionStatus, name: str
) -> None:
    ReferralConversion.objects.update(status=status)
    rows = asked(cast, group_by="referrer", basis=basis).json()["rows"]
    assert (
        sum(Decimal(row["revenue"]) for row in rows if row["name"] == name)
        == {
            ("Aida", "sale"): 30_000,
            ("Aida", "cohort"): 30_000,
            ("—", "sale"): 222_000,
            ("—", "cohort"): 185_000,
        }[name, basis]
    )


@pytest.mark.parametrize("group_by", GroupBy.values)
@pytest.mark.parametrize("basis", Basis.values)
def test_rows_add_up_to_the_totals(march: March, group_by: str, basis: str) -> None:
    report = roi(Span(march.account), GroupBy(group_by), Basis(basis))
    for name in ("leads", "qualified_leads", "sales", "revenue", "spend"):
        assert sum(getattr(row.figures, name) for row in report.rows) == getattr(report.totals, name)
    whole = roi(Span(march.account), GroupBy.CREATIVE, Basis(basis)).totals
    assert report.totals == whole


@pytest.mark.parametrize("group_by", GroupBy.values)
@pytest.mark.parametrize("basis", Basis.values)
def test_foreign_money_adds_up_to_one_total_by_whatever_the_rows_are(cast: Cast, group_by: str, basis: str) -> None:
    account = cast.alpha
    rate(account, "USD", date(2026, 3, 1), "333.335")
    for day, name, campaign in ((1, "Video", "a"), (1, "Video", "b"), (2, "Video", "a"), (2, "Photo", "b")):
        creative, _made = Creative.objects.get_or_create(user_account=account, name=name)
        noon = local(account, f"2026-03-0{day} 12:00")
        lead = Lead.objects.create(
            user_account=account, creative=creative, utm_campaign=campaign, amocrm_created_at=noon
        )
        sold = {"lead": lead, "utm_campaign": campaign, "sold_at": noon}
        Sale.objects.create(user_account=account, amount="0.01", currency="USD", **sold)
        spent = {"creative": creative, "day": date(2026, 3, day), "source": campaign}
        AdSpend.objects.create(user_account=account, amount="0.01", currency="USD", **spent)
    report = roi(Span(account), GroupBy(group_by), Basis(basis))
    # Each is 3.33335.
    assert (report.totals.revenue, report.totals.spend) == (Decimal("13.32"), Decimal("13.32"))
    assert total(row.figures for row in report.rows) == report.totals
    days = [
        roi(Span(account, day, day), GroupBy(group_by), Basis(basis)) for day in (date(2026, 3, 1), date(2026, 3, 2))
    ]
    assert total(report.totals for report in days) == report.totals
    take_snapshot(account, date(2026, 4, 1))
    then = sums_as_of(ReportSnapshot.objects.get(), Span(account)).values()
    assert total(sums.figures(Basis(basis)) for sums in then) == report.totals


def test_without_days_everything_counts(cast: Cast, march: March) -> None:
    totals = client(cast.vera).get("/analytics/roi").json()["totals"]
    assert (totals["leads"], totals["sales"], totals["spend"]) == (8, 6, "33998.00")


def test_money_without_an_exchange_rate_is_named_and_added_to_nothing(cast: Cast, march: March) -> None:
    ExchangeRate.objects.all().delete()
    body = asked(cast, group_by="targetologist").json()
    gap = [{"currency": "USD", "from": "2026-03-16", "to": "2026-03-16", "days": 1}]
    muha = next(row for row in body["rows"] if row["name"] == "Muha")
    assert (muha["sales"], muha["revenue"], muha["spend"]) == (3, "180000.00", "0.00")
    assert {muha[name] for name in ("profit", "roi", "roas", "cpl", "cpql", "cac")} == {None}
    assert muha["missing_rates"] == body["missing_rates"] == body["totals"]["missing_rates"] == gap
    other = next(row for row in body["rows"] if row["name"] == "—")
    assert (other["missing_rates"], other["roi"]) == ([], 68.18)


def test_only_what_lacks_a_rate_is_unknown(cast: Cast, march: March) -> None:
    ExchangeRate.objects.all().delete()
    rows = {row["name"]: row for row in asked(cast, group_by="campaign").json()["rows"]}
    assert (rows["OnAI_spring"]["roi"], rows["OnAI_spring"]["cpl"]) == (None, "1000.00")


@pytest.mark.parametrize(
    ("day", "spend"), [("2026-03-16", "32000.00"), ("2026-03-09", "32000.00"), ("2026-03-08", "22000.00")]
)
def test_a_rate_holds_on_for_a_week(cast: Cast, march: March, day: str, spend: str) -> None:
    ExchangeRate.objects.update(day=date.fromisoformat(day))
    rate(cast.alpha, "USD", date(2026, 3, 17), "900")
    assert asked(cast).json()["totals"]["spend"] == spend


def test_a_newer_rate_ends_an_older_one(cast: Cast, march: March) -> None:
    ExchangeRate.objects.update(day=date(2026, 3, 10))
    rate(cast.alpha, "USD", date(2026, 3, 15), "600")
    rate(cast.beta, "USD", date(2026, 3, 16), "1")
    assert asked(cast).json()["totals"]["spend"] == "34000.00"


def test_a_foreign_sale_is_converted_at_the_rate_of_its_local_day(cast: Cast, march: March) -> None:
    # 23:30 in Almaty is the same day at 18:30 UTC; half an hour later it is the next.
    rate(cast.alpha, "USD", date(2026, 3, 17), "600")
    assert asked(cast).json()["totals"]["revenue"] == "222000.00"
    sale = Sale.objects.get(currency="USD")
    sale.sold_at = sale.sold_at.replace(hour=19)
    sale.save()
    assert asked(cast).json()["totals"]["revenue"] == "223000.00"


def test_spend_outlives_what_it_was_spent_on(cast: Cast, march: March) -> None:
    Creative.objects.filter(name="Photo").delete()
    body = asked(cast, group_by="creative").json()
    assert body["totals"]["spend"] == "32000.00"
    assert body["rows"][-1]["spend"] == "22000.00"


def test_anothers_rows_are_in_no_figure(cast: Cast, march: March) -> None:
    body = client(cast.charlie).get("/analytics/roi", MARCH).json()
    assert (body["rows"], body["totals"]["leads"], body["totals"]["spend"]) == ([], 0, "0.00")
    assert body["totals"]["roi"] is None


@pytest.mark.parametrize("group_by", GroupBy.values)
def test_a_report_is_a_fixed_number_of_statements(
    march: March, group_by: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        Lead.objects.create(user_account=march.account, utm_campaign=f"campaign {number}", utm_source=f"ref_{number}")
    with django_assert_max_num_queries(7):
        roi(Span(march.account, date(2026, 3, 1), date(2027, 3, 31)), GroupBy(group_by), Basis.SALE)


# --- CSV ---


def test_csv_has_the_same_numbers(cast: Cast, march: March) -> None:
    answer = asked(cast, group_by="creative", format="csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="roi-creative-2026-03-01-2026-03-31.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    video = next(row for row in rows if row["name"] == "Video")
    assert (video["key"], video["revenue"], video["roi"]) == (str(march.key("Video")), "180000.00", "1700.00")
    assert next(row for row in rows if row["name"] == "Photo")["profit"] == "-5000.00"
    assert (rows[-1]["name"], rows[-1]["spend"], rows[-1]["cac"]) == ("Total", "32000.00", "6400.00")


def test_csv_tells_of_missing_rates(cast: Cast, march: March) -> None:
    ExchangeRate.objects.all().delete()
    rows = list(csv.DictReader(io.StringIO(asked(cast, format="csv").content.decode())))
    assert (rows[-1]["missing_rates"], rows[-1]["roi"]) == ("USD 2026-03-16…2026-03-16", "")


def test_a_browser_gets_the_mark_by_which_excel_knows_utf_8(cast: Cast) -> None:
    def begin(accept: str) -> bytes:
        return bytes(client(cast.vera).get("/analytics/roi?format=csv", HTTP_ACCEPT=accept).content)

    assert begin("text/html,*/*").startswith(b"\xef\xbb\xbfkey,")
    assert begin("*/*").startswith(b"key,")
    assert begin("text/csv").startswith(b"key,")


@pytest.mark.parametrize("query", ["group_by=colour", "basis=lead", "format=xml", "from=2026-13-01", "to=1"])
def test_what_cannot_be_meant_is_400(cast: Cast, query: str) -> None:
    answer = client(cast.vera).get(f"/analytics/roi?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"]
