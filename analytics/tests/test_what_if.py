"""What-if: what is shown before is what the reports say after, and looking changes nothing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from analytics.models import ReferralConversion, Sale, Targetologist
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.tests.reports_world import March
from analytics.tests.test_reports_funnel import STAGES, make_stages, went
from leads.models import Lead, PipelineStage
from leads.qualification import recompute_qualified
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

DAYS = {"since": "2026-03-01", "until": "2026-03-31"}


def post(user: Any, address: str, **data: Any) -> int:
    """As a form. Its status."""
    return int(client(user).post(address, data, format="multipart").status_code)


def look(user: Any, **query: Any) -> Any:
    answer = client(user).get("/app/what-if/", DAYS | query)
    assert answer.status_code == 200
    return answer


def flows_of(shown: Any) -> list[tuple[str, str, int, Decimal]]:
    return [(one.comes_from, one.goes_to, one.sales, one.amount) for one in shown.context["flows"]]


@pytest.mark.parametrize("is_marked", [False, True])
def test_the_stage_shows_what_the_report_says_after_it_is_applied(cast: Cast, march: March, is_marked: bool) -> None:
    make_stages(cast.alpha, 10, "Sales", STAGES)
    stage = PipelineStage.objects.get(status_name="Call")
    PipelineStage.objects.filter(status_name="Meet").update(is_qualified_stage=True)
    PipelineStage.objects.filter(pk=stage.pk).update(is_qualified_stage=is_marked)
    Lead.objects.update(is_qualified=False)
    for number, history in enumerate(("New@0 Call@5", "New@0 Meet@5", "New@0 Won@5", "New@0", "New@0 Call@5")):
        Lead.objects.update(amocrm_lead_id=None)
        went(cast.alpha, history, creative=march.things["Video" if number % 2 else "Photo"])
    recompute_qualified(cast.alpha)
    shown = look(cast.vera, stage=stage.pk)
    before = list(Lead.objects.values_list("pk", "is_qualified"))
    address = f"/app/stages/{stage.pk}/qualified"
    assert address not in shown.content.decode()
    assert address in look(cast.sam, stage=stage.pk).content.decode()
    assert list(Lead.objects.values_list("pk", "is_qualified")) == before
    assert post(cast.sam, address, is_qualified_stage="false" if is_marked else "true") == 302
    report = roi(Span(cast.alpha, date(2026, 3, 1), date(2026, 3, 31)), GroupBy.CREATIVE, Basis.SALE)
    figures = {row.name if row.key else "No creative": row.figures for row in report.rows if row.figures.leads}
    assert {line.name: (line.after, line.cpql_after) for line in shown.context["lines"]} == {
        name: (own.qualified_leads, own.cpql) for name, own in figures.items()
    }
    total = shown.context["total"]
    assert (total.after, total.cpql_after) == (report.totals.qualified_leads, report.totals.cpql)
    assert total.after != total.before


def test_a_pattern_moves_just_the_sales_that_were_shown(cast: Cast, march: March) -> None:
    Sale.objects.filter(targetologist=None).update(takes_traffic=True)
    query = {"targetologist": march.key("Traf4"), "pattern": "summer"}
    shown = look(cast.vera, **query)
    assert flows_of(shown) == [("", "Traf4", 1, Decimal(7000))]
    moved = shown.context["moved_ids"]
    assert post(cast.vera, "/app/what-if/pattern", **query, moved=moved) == 403
    assert post(cast.sam, "/app/what-if/pattern", **query, moved="") == 302
    assert march.things["Traf4"].sales.count() == 1
    assert post(cast.sam, "/app/what-if/pattern", **query, moved=moved) == 302
    assert march.things["Traf4"].sales.count() == 2


def test_a_pattern_that_goes_gives_its_sales_to_whom_they_belong_without_it(cast: Cast, march: March) -> None:
    traf4, muha = march.things["Traf4"], march.things["Muha"]
    Targetologist.objects.filter(pk=traf4.pk).update(patterns=["winter", "sale"], position=1)
    Targetologist.objects.filter(pk=muha.pk).update(patterns=["ter_2"], position=2)
    names = ("Winter_1", "winter_2", "winter_sale", "sale")
    march_1 = datetime(2026, 3, 1, tzinfo=cast.alpha.zone)
    told = {"user_account": cast.alpha, "targetologist": traf4, "takes_traffic": True, "sold_at": march_1}
    sales = [
        Sale.objects.create(amount=20**number, currency="KZT", utm_campaign=name, **told)
        for number, name in enumerate(names)
    ]
    query = {"targetologist": traf4.pk, "instead_of": "winter", "pattern": ""}
    shown = look(cast.vera, **query)
    assert flows_of(shown) == [("Traf4", "", 1, Decimal(1)), ("Traf4", "Muha", 1, Decimal(20))]
    assert post(cast.sam, "/app/what-if/pattern", **query, moved=shown.context["moved_ids"]) == 302
    traf4.refresh_from_db()
    assert traf4.patterns == ["sale"]
    assert [Sale.objects.get(pk=sale.pk).targetologist for sale in sales] == [None, muha, traf4, traf4]


def test_a_pattern_is_changed_in_its_place(cast: Cast, march: March) -> None:
    traf4 = march.things["Traf4"]
    Targetologist.objects.filter(pk=traf4.pk).update(patterns=["summer", "sale"])
    query = {"targetologist": traf4.pk, "instead_of": "summer", "pattern": "autumn"}
    moved = look(cast.vera, **query).context["moved_ids"]
    assert post(cast.sam, "/app/what-if/pattern", **query, moved=moved) == 302
    traf4.refresh_from_db()
    assert traf4.patterns == ["autumn", "sale"]


def test_the_last_ninety_days_stay_those_from_one_question_to_the_next(cast: Cast) -> None:
    asked = client(cast.vera).get("/app/what-if/", {"days": "90"}).content.decode()
    assert asked.count('<input type="hidden" name="days" value="90">') == 3
    assert 'type="hidden" name="since"' not in asked
    assert look(cast.vera).content.decode().count('type="hidden" name="since" value="2026-03-01"') == 3


def test_what_is_no_change_of_patterns_is_said(cast: Cast, march: March) -> None:
    Targetologist.objects.filter(name="Muha").update(patterns=["muha"])
    nothing = look(cast.vera, targetologist=march.key("Traf4"), pattern="")
    assert "Enter a pattern, or choose one that is to go." in nothing.content.decode()
    strangers = look(cast.vera, targetologist=march.key("Traf4"), instead_of="muha", pattern="")
    assert "This is a pattern of somebody else." in strangers.content.decode()


def test_a_rate_shows_what_would_have_been_and_holds_for_new_sales(cast: Cast, march: March) -> None:
    ReferralConversion.objects.update(commission_rate=Decimal("0.1"))
    aida = march.things["ref_AIDA"]
    (one,) = look(cast.vera, referrer=aida.pk, rate="0.25").context["commissions"]
    assert (one.sales, one.before, one.after) == (1, Decimal(3000), Decimal(7500))
    assert post(cast.vera, "/app/what-if/rate", referrer=aida.pk, rate="0.25") == 403
    assert post(cast.sam, "/app/what-if/rate", referrer=aida.pk, rate="0.25") == 302
    aida.refresh_from_db()
    assert aida.commission_rate == Decimal("0.25")
    assert ReferralConversion.objects.get().commission_rate == Decimal("0.1")


def test_nothing_of_anothers_account_can_be_looked_at_or_changed(cast: Cast, march: March) -> None:
    make_stages(cast.alpha, 10, "Sales", STAGES)
    stage = PipelineStage.objects.first()
    assert stage is not None
    muha, aida = march.key("Muha"), march.key("ref_AIDA")
    shown = look(cast.charlie, stage=stage.pk, targetologist=muha, pattern="x", referrer=aida)
    assert not [name for name in ("stage", "change", "referrer") if name in shown.context]
    assert post(cast.charlie, "/app/what-if/rate", referrer=aida, rate="1") == 404
    assert post(cast.charlie, "/app/what-if/pattern", targetologist=muha, pattern="x") == 404
