"""What-if: what is shown before is what the reports say after, and looking changes nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from analytics.models import ReferralConversion, Sale
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.tests.reports_world import March, make_march
from analytics.tests.test_reports_funnel import STAGES, make_stages, went
from leads.models import Lead, PipelineStage
from leads.qualification import recompute_qualified
from leads.tests.cast import Cast, client, make_cast

pytestmark = pytest.mark.django_db

DAYS = {"since": "2026-03-01", "until": "2026-03-31"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def march(cast: Cast) -> March:
    return make_march(cast.alpha)


def post(user: Any, address: str, **data: Any) -> int:
    """As a form. Its status."""
    return int(client(user).post(address, data, format="multipart").status_code)


def look(user: Any, **query: Any) -> Any:
    answer = client(user).get("/app/what-if/", DAYS | query)
    assert answer.status_code == 200
    return answer


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
    figures = {row.name: row.figures for row in report.rows if row.figures.leads}
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
    assert [(one.name, one.sales, one.amount) for one in shown.context["credited"]] == [("", 1, Decimal(7000))]
    moved = shown.context["moved_ids"]
    assert post(cast.vera, "/app/what-if/pattern", **query, moved=moved) == 403
    assert post(cast.sam, "/app/what-if/pattern", **query, moved="") == 302
    assert march.things["Traf4"].sales.count() == 1
    assert post(cast.sam, "/app/what-if/pattern", **query, moved=moved) == 302
    assert march.things["Traf4"].sales.count() == 2


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
    assert not [name for name in ("stage", "person", "referrer") if name in shown.context]
    assert post(cast.charlie, "/app/what-if/rate", referrer=aida, rate="1") == 404
    assert post(cast.charlie, "/app/what-if/pattern", targetologist=muha, pattern="x") == 404
