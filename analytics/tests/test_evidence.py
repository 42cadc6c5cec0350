"""Every figure opens into its rows: behind each link there are just those that make it, whatever there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import AdSpend, ConversionStatus, ReferralConversion, Referrer, Sale, SaleStatus, Targetologist
from analytics.models.spend import named_in
from analytics.pages.funnel import _bars
from analytics.pages.narrowers import SPEND_NARROWERS
from analytics.pages.periods import Period, period_of
from analytics.pages.roi_table import RoiTable
from analytics.pages.sale_search import SaleSearch
from analytics.reports.funnel import funnel
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy
from analytics.tests.reports_world import rate
from leads.models import Creative, Direction, Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.pages.lead_search import LeadSearch
from leads.pages.narrowing import Narrowing
from leads.pages.stage_names import StageBook
from leads.tests.cast import Cast, client, make_cast

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
PIPELINE, STAGES = 10, (1, 2, 3, 142, 143)
CAMPAIGNS = ("", "Весна", "ВЕСНА ", "onai_x", "OnAI_x", "other")
SOURCES = ("", "fb", "alex", "ref_AIDA", "REF_aida", "ref_gone", "onai")

moments = st.integers(0, 5 * 24).map(lambda hours: BEGIN + timedelta(hours=hours))
leads = st.fixed_dictionaries(
    {
        "came": moments,
        "creative": st.sampled_from([None, "Video", "Photo"]),
        "direction": st.sampled_from([None, "School", "Camp"]),
        "source": st.sampled_from(SOURCES),
        "campaign": st.sampled_from(CAMPAIGNS),
        "qualified": st.booleans(),
        "deleted": st.sampled_from([False, False, True]),
        "stages": st.lists(st.tuples(st.sampled_from((PIPELINE, 20)), st.sampled_from(STAGES)), max_size=4),
    }
)
sales = st.fixed_dictionaries(
    {
        "lead": st.none() | st.integers(0, 9),
        "sold": moments,
        "amount": st.integers(0, 500),
        "currency": st.sampled_from(["KZT", "USD"]),
        "status": st.sampled_from([SaleStatus.PAID, SaleStatus.PAID, SaleStatus.CANCELLED]),
        "campaign": st.sampled_from(CAMPAIGNS),
        "targetologist": st.sampled_from([None, "Muha"]),
        "conversion": st.sampled_from([None, *ConversionStatus.values]),
        "referrer": st.sampled_from([None, "Aida"]),
    }
)
spends = st.fixed_dictionaries(
    {
        "day": st.integers(0, 5).map(lambda days: date(2026, 3, 1) + timedelta(days=days)),
        "on": st.sampled_from(["Video", "Photo", "School", "Muha", *filter(None, CAMPAIGNS)]),
        "amount": st.integers(1, 500),
        "currency": st.sampled_from(["KZT", "USD"]),
    }
)
spans = st.tuples(st.integers(1, 3), st.integers(3, 6))


@dataclass
class World:
    account: UserAccount
    things: dict[str, Any]


def make_world() -> World:
    account = UserAccount.objects.create(name="Alpha", timezone="Asia/Almaty")
    school, camp = (Direction.objects.create(user_account=account, name=name) for name in ("School", "Camp"))
    things: dict[str, Any] = {
        "School": school,
        "Camp": camp,
        "Video": Creative.objects.create(user_account=account, name="Video", direction=school),
        "Photo": Creative.objects.create(user_account=account, name="Photo"),
        "Muha": Targetologist.objects.create(user_account=account, name="Muha", patterns=["onai"], position=0),
        "Traf": Targetologist.objects.create(user_account=account, name="Traf", patterns=["alex", "вес"], position=1),
        "Aida": Referrer.objects.create(user_account=account, code="ref_aida", name="Aida"),
    }
    for order, status_id in enumerate(STAGES):
        PipelineStage.objects.create(
            user_account=account,
            pipeline_id=PIPELINE,
            status_id=status_id,
            status_name=str(status_id),
            sort_order=order,
        )
    rate(account, "USD", date(2026, 2, 28), "500")
    # Another agency, whose people, codes and rates are no matter here.
    bravo = UserAccount.objects.create(name="Bravo")
    Targetologist.objects.create(user_account=bravo, name="Muha", patterns=["other", "fb", "alex"])
    for code in ("ref_aida", "ref_gone"):
        Referrer.objects.create(user_account=bravo, code=code)
    rate(bravo, "USD", date(2026, 3, 1), "1")
    return World(account, things)


def add(world: World, rows: list[dict[str, Any]], sold: list[dict[str, Any]], spent: list[dict[str, Any]]) -> None:
    made = [_lead(world, number, row) for number, row in enumerate(rows)]
    for number, row in enumerate(sold):
        _sale(world, number, row, made)
    seen = set()
    for row in spent:
        on = world.things.get(row["on"])
        named = {type(on).__name__.lower(): on} if on else {"campaign": row["on"]}
        cost = AdSpend(user_account=world.account, day=row["day"], currency=row["currency"], **named)
        cost.amount, cost.source = Decimal(row["amount"]), row["currency"]
        if (identity := (cost.day, named_in(cost), cost.source)) not in seen:
            seen.add(identity)
            cost.save()


def _lead(world: World, number: int, row: dict[str, Any]) -> Lead:
    last = row["stages"][-1] if row["stages"] else (None, None)
    lead = Lead.objects.create(
        user_account=world.account,
        amocrm_lead_id=number,
        amocrm_created_at=row["came"],
        creative=world.things.get(row["creative"]),
        direction=world.things.get(row["direction"]),
        utm_source=row["source"],
        utm_campaign=row["campaign"],
        is_qualified=row["qualified"],
        is_deleted=row["deleted"],
        current_pipeline_id=last[0],
        current_status_id=last[1],
    )
    for place, (pipeline_id, status_id) in enumerate(row["stages"]):
        LeadStatusHistory.objects.create(
            user_account=world.account,
            lead=lead,
            amocrm_lead_id=number,
            to_pipeline_id=pipeline_id,
            to_status_id=status_id,
            changed_at=row["came"] + timedelta(hours=place),
        )
    return lead


def _sale(world: World, number: int, row: dict[str, Any], made: list[Lead]) -> None:
    sale = Sale.objects.create(
        user_account=world.account,
        lead=made[row["lead"]] if row["lead"] is not None and row["lead"] < len(made) else None,
        amocrm_deal_id=number,
        sold_at=row["sold"],
        amount=Decimal(row["amount"]),
        currency=row["currency"],
        status=row["status"],
        utm_campaign=row["campaign"],
        targetologist=world.things.get(row["targetologist"]),
    )
    if row["conversion"]:
        ReferralConversion.objects.create(
            user_account=world.account, sale=sale, referrer=world.things.get(row["referrer"]), status=row["conversion"]
        )


def behind(account: UserAccount, url: str) -> list[Any]:
    """The rows that the page at this address lists."""
    parts = urlsplit(url)
    query = QueryDict(parts.query)
    if parts.path == "/app/leads":
        return list(LeadSearch(query, account, StageBook.of(account)).leads())
    if parts.path == "/app/sales":
        return list(SaleSearch(query, account).sales())
    rows = period_of(query, account).span(account).spend()
    return list(Narrowing(query, account, SPEND_NARROWERS).of(rows))


def money(rows: list[Any]) -> Decimal:
    return sum((row.amount * (500 if row.currency == "USD" else 1) for row in rows), Decimal(0))


def month(first: int, last: int, account: UserAccount) -> Period:
    return period_of(QueryDict(f"since=2026-03-0{first}&until=2026-03-0{last}"), account)


class EveryFigure(TestCase):
    @settings(max_examples=15)
    @given(st.lists(leads, max_size=10), st.lists(sales, max_size=8), st.lists(spends, max_size=8), spans)
    def test_of_the_roi_table_leads_to_the_rows_that_make_it(
        self, rows: list[Any], sold: list[Any], spent: list[Any], span: tuple[int, int]
    ) -> None:
        world = make_world()
        add(world, rows, sold, spent)
        period = month(*span, world.account)
        for group_by in GroupBy:
            for basis in Basis:
                report = roi(period.span(world.account), group_by, basis)
                table = RoiTable(report, period, "")
                for cells in [*(line.cells for line in table.lines(report.rows)), table.totals()]:
                    for cell in cells:
                        self._check(world.account, group_by, basis, cell)

    def _check(self, account: UserAccount, group_by: GroupBy, basis: Basis, cell: Any) -> None:
        name = cell.definition.name
        counted = name in ("leads", "qualified_leads", "sales", "revenue", "spend")
        assert bool(cell.url) == (counted and bool(cell.value)), name
        if cell.url:
            rows = behind(account, cell.url)
            found = money(rows) if name in ("revenue", "spend") else len(rows)
            assert found == cell.value, (group_by, basis, cell.url)

    @settings(max_examples=15)
    @given(st.lists(leads, max_size=10), spans)
    def test_of_the_funnel_leads_to_the_rows_that_make_it(self, rows: list[Any], span: tuple[int, int]) -> None:
        world = make_world()
        add(world, rows, [], [])
        period = month(*span, world.account)
        report = funnel(period.span(world.account), PIPELINE)
        assert report is not None
        for bar in _bars(report, period):
            for url, figure in ((bar.url, bar.figures.now), (bar.reached_url, bar.figures.reached)):
                assert bool(url) == bool(figure)
                if url:
                    assert len(behind(world.account, url)) == figure, url


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.mark.parametrize("address", ["/app/leads/", "/app/sales/", "/app/spend/"])
@pytest.mark.parametrize(
    "query",
    [
        "creative=x&direction=-1&reached=1",
        f"creative={'9' * 18}&targetologist={'9' * 18}&referrer={'9' * 18}",
        "campaign=%00&reached=٣:٣",
        "reached=999999999999999999:1&campaign=none",
    ],
)
def test_what_cannot_be_meant_harms_nothing(cast: Cast, address: str, query: str) -> None:
    assert client(cast.vera).get(f"{address}?{query}").status_code == 200


def test_a_chip_says_what_the_list_is_narrowed_to_and_takes_it_away(cast: Cast) -> None:
    video = Creative.objects.create(user_account=cast.alpha, name="Video & co")
    Lead.objects.create(user_account=cast.alpha, name="Dana", creative=video)
    Lead.objects.create(user_account=cast.alpha, name="Timur")
    page = client(cast.vera).get(f"/app/leads/?creative={video.pk}&qualified=no").content.decode()
    assert "Video &amp; co" in page
    assert "<p>1 lead<" in page
    assert 'href="?qualified=no"' in page
    assert f'<input type="hidden" name="creative" value="{video.pk}">' in page


def test_the_name_of_anothers_creative_is_not_told(cast: Cast) -> None:
    theirs = Creative.objects.create(user_account=cast.beta, name="Secret plan")
    page = client(cast.vera).get(f"/app/leads/?creative={theirs.pk}").content.decode()
    assert "Secret plan" not in page


def test_the_dashboards_figures_lead_to_their_leads(cast: Cast) -> None:
    now = timezone.now()
    Lead.objects.create(user_account=cast.alpha, amocrm_created_at=now, is_qualified=True, current_status_id=142)
    Lead.objects.create(user_account=cast.alpha, amocrm_created_at=now - timedelta(days=3), is_qualified=True)
    Lead.objects.create(user_account=cast.alpha, amocrm_created_at=now - timedelta(days=5))
    Lead.objects.create(user_account=cast.alpha, amocrm_created_at=now - timedelta(days=50), current_status_id=142)
    page = client(cast.vera).get("/app/?days=7").context
    for narrowed, count in (("", 3), ("&qualified=yes", 2), ("&stage=won", 1)):
        assert len(behind(cast.alpha, page["leads_url"] + narrowed)) == count
