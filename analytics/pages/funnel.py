"""`/app/funnel`: how far the leads of these days have come in a pipeline, and how long they stood where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics.pages.periods import LAST_DAYS, Period, period_of
from analytics.reports.definitions import FUNNEL_FIGURES
from analytics.reports.figures import percent
from analytics.reports.funnel import Funnel, StageFigures, first_pipeline, funnel
from leads.access import account_of, account_rows, page
from leads.ids import id_in
from leads.models import PipelineStage
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pages.rendering import render_page
from leads.pages.stage_names import colour_of
from leads.pipelines import pipelines_in

# Any moment would do: how long a span is in words is counted from a day on.
BEGINNING = datetime(2001, 1, 1)  # noqa: DTZ001 - no moment of anybody's


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the picture. `width`: percent of the widest, as SVG wants it. `url`: the leads that stand here;
    `reached_url`: those that have come this far.
    """

    figures: StageFigures
    colour: str
    width: str
    url: str
    reached_url: str
    is_first: bool

    @property
    def stay(self) -> str:
        return stay_in_words(self.figures.median_seconds)


def stay_in_words(seconds: int | None) -> str:
    """`2 days, 4 hours`; empty where nobody has left the stage yet."""
    if seconds is None:
        return ""
    if seconds < 60:
        return _("less than a minute")
    return timesince(BEGINNING, BEGINNING + timedelta(seconds=seconds))


@require_safe
@page()
def funnel_page(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    period = period_of(request.GET, account)
    known = pipelines_in(account_rows(PipelineStage, request))
    pipelines = {pipeline.pipeline_id: pipeline.title for pipeline in known}
    asked = id_in(request.GET.get("pipeline", ""))
    report = funnel(period.span(account), asked if asked in pipelines else first_pipeline(account))
    assert report is not None  # a pipeline that the account has, or none
    context = {
        "period": period,
        "periods": LAST_DAYS,
        "kept": [("pipeline", report.pipeline_id)] if report.pipeline_id else [],
        "pipelines": pipelines,
        "report": report,
        "bars": _bars(report, period),
        "won_url": _leads(report, "stage", WON_STATUS_ID, period),
        "lost_url": _leads(report, "stage", LOST_STATUS_ID, period),
        "entered": (entered := _entered(report)),
        "won_share": percent(report.won, entered),
        "definitions": {figure.name: figure for figure in FUNNEL_FIGURES},
    }
    return render_page(request, "pages/funnel.html", context)


def _entered(report: Funnel) -> int:
    """Leads that have stood in any stage of the pipeline, or were won in it."""
    return max((stage.reached for stage in report.stages), default=report.won)


def _bars(report: Funnel, period: Period) -> list[Bar]:
    widest = max((stage.reached for stage in report.stages), default=0) or 1
    return [
        Bar(
            figures=stage,
            colour=colour_of(stage.color),
            # As text: a template would write 1.5 as "1,5" in Russian, which is no number in SVG.
            width=f"{100 * stage.reached / widest:.2f}",
            url=_leads(report, "stage", stage.status_id, period) if stage.now else "",
            reached_url=_leads(report, "reached", stage.status_id, period) if stage.reached else "",
            is_first=index == 0,
        )
        for index, stage in enumerate(report.stages)
    ]


def _leads(report: Funnel, narrowed: str, status_id: int, period: Period) -> str:
    query = {narrowed: f"{report.pipeline_id}:{status_id}", **period.asked()}
    return f"{reverse('page-leads')}?{urlencode(query)}"
