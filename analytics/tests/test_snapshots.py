"""Snapshots: whatever happens day by day, what was shown on any of these days can be shown again."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from analytics.models import AdSpend, ReportSnapshot, Sale, SaleStatus, SnapshotLine
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.snapshots.moved import Kind, moved_since
from analytics.snapshots.sums import sums_as_of
from analytics.snapshots.taking import due, take_due, take_snapshot
from analytics.tests.reports_world import March, make_march
from analytics.tests.test_evidence import World, _lead, _sale, leads, make_world, sales, spends
from leads.models import Creative, Lead, LeadStatusHistory, UserAccount
from leads.tests import world as leads_world
from leads.tests.cast import client, make_cast

FIRST = date(2026, 3, 10)
SPANS = ((None, None), (date(2026, 3, 2), date(2026, 3, 4)))

Shown = dict[int | None, tuple[Any, ...]]
changes = st.one_of(
    st.tuples(st.just("lead"), leads),
    st.tuples(st.just("sale"), sales),
    st.tuples(st.just("spend"), spends),
    st.tuples(st.just("delete lead"), st.integers(0, 9)),
    st.tuples(st.just("qualify"), st.integers(0, 9)),
    st.tuples(st.just("move"), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("price"), st.integers(0, 9)),
    st.tuples(st.just("drop spend"), st.integers(0, 9)),
    st.tuples(st.just("drop creative"), st.just(0)),
)


def change(world: World, what: str, value: Any) -> None:
    rows = list(Lead.objects.order_by("pk"))
    sold = list(Sale.objects.order_by("pk"))
    if what == "lead":
        _lead(world, len(rows), value)
    elif what == "sale":
        _sale(world, len(sold), value, rows)
    elif what == "spend":
        on = world.things.get(value["on"])
        named = {type(on).__name__.lower(): on} if on else {"campaign": value["on"]}
        source = str(AdSpend.objects.count())
        AdSpend.objects.create(
            user_account=world.account, day=value["day"], currency="USD", amount=value["amount"], source=source, **named
        )
    elif what == "drop spend":
        AdSpend.objects.filter(pk__in=list(AdSpend.objects.values_list("pk", flat=True)[:1])).delete()
    elif what == "drop creative":
        Creative.objects.filter(name="Photo").delete()
        world.things.pop("Photo", None)
    elif what in ("cancel", "price") and value < len(sold):
        new = {"status": SaleStatus.CANCELLED} if what == "cancel" else {"amount": Decimal("7.77")}
        Sale.objects.filter(pk=sold[value].pk).update(**new)
    elif what in ("delete lead", "qualify", "move") and value < len(rows):
        came = datetime(2026, 3, 3, 20, tzinfo=UTC)
        news = {
            "delete lead": {"is_deleted": True},
            "qualify": {"is_qualified": not rows[value].is_qualified},
            "move": {"amocrm_created_at": came, "creative": world.things["Video"]},
        }
        Lead.objects.filter(pk=rows[value].pk).update(**news[what])


def shown(account: UserAccount, first: date | None, last: date | None, basis: Basis) -> Shown:
    """What the report says of each creative."""
    report = roi(Span(account, first, last), GroupBy.CREATIVE, basis)
    rows = {row.key: row.figures for row in report.rows}
    return {key: (f.leads, f.qualified_leads, f.sales, f.revenue, f.spend) for key, f in rows.items()}  # type: ignore[misc]


def shown_then(account: UserAccount, day: date, first: date | None, last: date | None, basis: Basis) -> Shown:
    snapshot = ReportSnapshot.objects.get(user_account=account, day=day)
    found = sums_as_of(snapshot, Span(account, first, last))
    rows = {key: sums.figures(basis) for key, sums in found.items()}
    return {key: (f.leads, f.qualified_leads, f.sales, f.revenue, f.spend) for key, f in rows.items()}


def without_zeros(rows: Shown) -> Shown:
    return {key: figures for key, figures in rows.items() if any(figures)}


class AnyChanges(TestCase):
    @settings(max_examples=25)
    @given(st.lists(st.lists(changes, max_size=5), min_size=1, max_size=4))
    def test_as_of_a_day_is_what_the_report_said_on_it(self, days: list[list[tuple[str, Any]]]) -> None:
        world = make_world()
        said: dict[tuple[Any, ...], Shown] = {}
        for number, made in enumerate(days):
            for what, value in made:
                change(world, what, value)
            day = FIRST + timedelta(days=number)
            assert take_snapshot(world.account, day) is not None
            for first, last in SPANS:
                for basis in Basis:
                    said[day, first, last, basis] = shown(world.account, first, last, basis)
        for (day, first, last, basis), rows in said.items():
            again = shown_then(world.account, day, first, last, basis)
            # Of a creative whose sales all lost their leads only one of the two bases knows.
            assert without_zeros(again) == without_zeros(rows), (day, first, basis)


@pytest.fixture
def march(db: None) -> March:
    return make_march(leads_world.account(timezone="Asia/Almaty"))


def test_a_snapshot_writes_only_what_has_changed(march: March) -> None:
    take_snapshot(march.account, FIRST)
    assert take_snapshot(march.account, FIRST) is None
    written = SnapshotLine.objects.count()
    take_snapshot(march.account, FIRST + timedelta(days=1))
    assert SnapshotLine.objects.count() == written
    Sale.objects.filter(amocrm_deal_id=1).update(amount=Decimal(90000))
    take_snapshot(march.account, FIRST + timedelta(days=2))
    new = SnapshotLine.objects.order_by("-pk")[: SnapshotLine.objects.count() - written]
    assert {(line.day, line.revenue, line.cohort_revenue, line.leads) for line in new} == {
        (date(2026, 3, 20), Decimal(-10000), Decimal(0), 0),
        (date(2026, 3, 1), Decimal(0), Decimal(-10000), 0),
    }


def test_a_snapshot_is_a_fixed_number_of_statements(march: March, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(13):
        take_snapshot(march.account, FIRST)
    for number in range(30):
        Lead.objects.create(user_account=march.account, amocrm_created_at=timezone.now() - timedelta(days=number))
    with django_assert_num_queries(13):
        take_snapshot(march.account, FIRST + timedelta(days=1))


def test_each_account_is_due_after_its_own_midnight(db: None) -> None:
    almaty = leads_world.account(name="Almaty", timezone="Asia/Almaty")
    utc = leads_world.account(name="UTC", timezone="UTC")
    evening = datetime(2026, 3, 10, 19, 30, tzinfo=UTC)  # 00:30 of the 11th in Almaty
    assert dict(due(evening)) == {almaty: date(2026, 3, 10), utc: date(2026, 3, 9)}
    assert take_due(evening) == 2
    assert list(due(evening)) == []
    assert dict(due(evening + timedelta(hours=5))) == {utc: date(2026, 3, 10)}
    # A beat that stood still for days takes one snapshot, of the day that is over.
    assert dict(due(evening + timedelta(days=4)))[almaty] == date(2026, 3, 14)


def test_an_account_whose_days_nobody_can_tell_keeps_no_other_from_its_turn(db: None) -> None:
    UserAccount.objects.create(pk=uuid.UUID(int=1), name="Before all others", timezone="Asia/Atlantis")
    leads_world.account(name="Almaty")
    assert take_due() == 1


def test_without_time_left_one_account_is_done_and_the_next_run_goes_on(db: None) -> None:
    for number in range(3):
        leads_world.account(name=str(number))
    assert [take_due(seconds=0) for _ in range(4)] == [1, 1, 1, 0]


# --- What moved ---


def moved(march: March, moment: datetime, basis: Basis = Basis.SALE) -> dict[str, list[Any]]:
    span = Span(march.account, date(2026, 3, 1), date(2026, 3, 31))
    return {str(found.title): found.rows for found in moved_since(moment, span, basis)}


def test_what_was_learnt_since_is_named_row_by_row(march: March) -> None:
    moment = timezone.now()
    assert moved(march, moment) == {}
    school, video = march.things["School"], march.things["Video"]
    came = datetime(2026, 3, 30, tzinfo=UTC)
    late = Lead.objects.create(user_account=march.account, amocrm_lead_id=70, amocrm_created_at=came, creative=video)
    Lead.objects.create(user_account=march.account, amocrm_created_at=came + timedelta(days=40))
    gone = Lead.objects.get(amocrm_lead_id=2)
    gone.is_deleted = True
    gone.save()
    told = _won(march, 4)
    _won(march, 5, learnt_at=moment - timedelta(days=1))
    _won(march, 5)
    new = Sale.objects.create(
        user_account=march.account, lead=late, sold_at=came, amount=Decimal(5), currency="KZT", amocrm_deal_id=70
    )
    cancelled = Sale.objects.get(amocrm_deal_id=1)
    cancelled.status = SaleStatus.CANCELLED
    cancelled.save()
    cost = AdSpend.objects.create(
        user_account=march.account, day=date(2026, 3, 9), direction=school, amount=1, currency="KZT"
    )
    assert moved(march, moment) == {
        "Leads met later": [late],
        "Leads deleted or merged since": [gone],
        "Stages learnt later that qualify a lead": [told],
        "Sales recorded later": [new],
        "Sales cancelled since": [cancelled],
        "Spend entered later": [cost],
    }
    assert moved(march, timezone.now()) == {}
    assert next(iter(moved_since(moment, Span(march.account), Basis.COHORT))).kind is Kind.LEADS


def _won(march: March, deal_id: int, learnt_at: datetime | None = None) -> LeadStatusHistory:
    lead = Lead.objects.get(amocrm_lead_id=deal_id)
    at = datetime(2026, 3, 20, 1 if learnt_at else 2, tzinfo=UTC)
    row = LeadStatusHistory.objects.create(
        user_account=march.account,
        lead=lead,
        amocrm_lead_id=deal_id,
        to_pipeline_id=1,
        to_status_id=142,
        changed_at=at,
        webhook_data={"delivery_id": 9},
    )
    if learnt_at:
        LeadStatusHistory.objects.filter(pk=row.pk).update(learnt_at=learnt_at)
    return row


# --- The page ---


def page(user: Any, **query: str) -> Any:
    answer = client(user).get("/app/as-of/", query)
    assert answer.status_code == 200
    return answer


def test_the_page_shows_then_now_and_what_moved(db: None) -> None:
    cast = make_cast()
    march = make_march(cast.alpha)
    take_snapshot(cast.alpha, date(2026, 4, 1))
    sale = Sale.objects.get(amocrm_deal_id=1)
    sale.status, sale.client_name = SaleStatus.CANCELLED, "Dana"
    sale.save()
    take_snapshot(cast.alpha, date(2026, 4, 3))
    answer = page(cast.vera, on="2026-04-02", since="2026-03-01", until="2026-03-31")
    totals = {figure.now.definition.name: figure for figure in answer.context["totals"]}
    revenue = totals["revenue"]
    assert (revenue.then.value, revenue.now.value, revenue.change.value) == (222000, 122000, -100000)
    assert (totals["sales"].then.value, totals["sales"].now.value, totals["leads"].change.value) == (5, 4, 0)
    assert totals["roi"].then.value == Decimal("593.75")
    assert [line.name for line in answer.context["lines"]] == ["Video"]
    assert [(day, figures[2].change.value) for day, figures in answer.context["moves"]] == [(date(2026, 4, 3), -1)]
    text = answer.content.decode()
    assert "Sales cancelled since" in text
    assert re.findall(r'<th scope="col">(.+?)</th>', text.partition("Sales cancelled since")[2])[:4] == [
        *("Client", "Sold", "Learnt", "Source"),
    ]
    assert f"/app/leads/{sale.lead_id}" in text
    assert "/app/deliveries?deal=1" in text
    assert march.account.name in text


def test_money_of_another_currency_is_named_and_not_compared(db: None) -> None:
    cast = make_cast()
    make_march(cast.alpha)
    take_snapshot(cast.alpha, date(2026, 4, 1))
    shown = {"on": "2026-04-01", "since": "2026-03-01", "until": "2026-03-31"}
    before = {figure.now.definition.name: figure.then.value for figure in page(cast.vera, **shown).context["totals"]}
    cast.alpha.currency = "USD"
    cast.alpha.save()
    take_snapshot(cast.alpha, date(2026, 4, 2))
    Sale.objects.filter(amocrm_deal_id=1).update(status=SaleStatus.CANCELLED)
    take_snapshot(cast.alpha, date(2026, 4, 3))
    answer = page(cast.vera, **shown)
    totals = {figure.now.definition.name: figure for figure in answer.context["totals"]}
    assert "money is in KZT" in answer.content.decode()
    assert totals["revenue"].then.value == before["revenue"]
    assert (totals["revenue"].change.value, totals["cac"].change.value, totals["sales"].change.value) == (
        None,
        None,
        -1,
    )
    moves = {day: {figure.now.definition.name: figure.change.value for figure in row} for day, row in moves_of(answer)}
    assert moves[date(2026, 4, 2)]["revenue"] is None
    assert moves[date(2026, 4, 3)]["sales"] == -1
    assert "money is in" not in page(cast.vera, **shown | {"on": "2026-04-02"}).content.decode()


def moves_of(answer: Any) -> list[tuple[date, Any]]:
    moves: list[tuple[date, Any]] = answer.context["moves"]
    return moves


def test_a_day_without_a_snapshot_is_said_and_the_first_offered(db: None) -> None:
    cast = make_cast()
    assert "Nothing was written down by then" in page(cast.vera).content.decode()
    take_snapshot(cast.alpha, date(2026, 4, 1))
    assert "?on=2026-04-01" in page(cast.vera, on="2026-03-31").content.decode()
    assert page(cast.charlie, on="2026-04-01").context["snapshot"] is None


def test_who_asks_for_no_day_is_shown_one_that_was_written_down(db: None) -> None:
    cast = make_cast()
    yesterday = timezone.localdate(timezone=cast.alpha.zone) - timedelta(days=1)
    take_snapshot(cast.alpha, yesterday)
    assert page(cast.vera).context["snapshot"].day == yesterday


@pytest.mark.parametrize(
    "query",
    [
        {"on": "x"},
        {"on": "0001-01-01"},
        {"on": "9999-12-31"},
        {"on": "2026-04-02", "since": "2026-05-01", "until": "2026-04-01"},
        {"on": "2026-04-02", "basis": "x", "since": "0001-01-01"},
    ],
)
def test_what_cannot_be_meant_harms_nothing(db: None, query: dict[str, str]) -> None:
    cast = make_cast()
    take_snapshot(cast.alpha, date(2026, 4, 1))
    assert "<h1" in page(cast.vera, **query).content.decode()
