"""`GET /amocrm/qualification-stats`, `/analytics/roi`, `/analytics/funnel`: what the reports say, as JSON or CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import TextChoices
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.report_shapes import (
    FIGURES,
    FunnelSerializer,
    QualificationSerializer,
    RoiSerializer,
    qualification_figures,
    rate,
    roi_figures,
)
from analytics.csv_cells import csv_response
from analytics.reports.funnel import first_pipeline, funnel
from analytics.reports.qualification import qualification
from analytics.reports.roi import Roi, roi
from analytics.reports.spans import Basis, GroupBy, Span
from leads.access import account_of, account_row
from leads.api.days import DAYS, days_asked
from leads.api.filters import FLAGS
from leads.ids import id_in
from leads.models import Direction

Choice = TypeVar("Choice", bound=TextChoices)


class Format(TextChoices):
    JSON = "json", "JSON"
    CSV = "csv", "CSV"


FORMAT = OpenApiParameter("format", enum=Format.values, description="`csv`: a file that a spreadsheet opens.")
CSV_FILE = {(200, "text/csv"): OpenApiTypes.STR}


class RoiReport(APIView):
    @extend_schema(
        summary="ROI by creative, direction, campaign, targetologist or referrer",
        parameters=[
            OpenApiParameter("group_by", enum=GroupBy.values, description="`creative` unless said."),
            OpenApiParameter(
                "basis", enum=Basis.values, description="Sales by their own day (`sale`) or their lead's."
            ),
            *DAYS,
            FORMAT,
        ],
        responses={200: RoiSerializer, **CSV_FILE},
    )
    def get(self, request: Request) -> Response | HttpResponse:
        group_by = _one_of(request, "group_by", GroupBy, default=GroupBy.CREATIVE)
        basis = _one_of(request, "basis", Basis, default=Basis.SALE)
        wanted = _format(request)
        report = roi(_span(request), group_by, basis)
        return _roi_file(report, request) if wanted is Format.CSV else Response(_roi_body(report))


def _roi_body(report: Roi) -> dict[str, Any]:
    totals = roi_figures(report.totals, report.currency)
    return {
        "group_by": report.group_by,
        "basis": report.basis,
        "currency": report.currency,
        "rows": [{"key": row.key, "name": row.name} | roi_figures(row.figures, report.currency) for row in report.rows],
        "totals": totals,
        "missing_rates": totals["missing_rates"],
    }


def _roi_file(report: Roi, request: Request) -> HttpResponse:
    """The rows, and last their total, of which the name says so."""
    rows: list[tuple[object, object, Mapping[str, Any]]] = [
        (row.key, row.name, _roi_cells(row.figures, report)) for row in report.rows
    ]
    rows.append((None, _("Total"), _roi_cells(report.totals, report)))
    header = ("key", "name", *FIGURES, "currency", "missing_rates")
    cells = ([key, name, *(values[column] for column in header[2:])] for key, name, values in rows)
    return _file(f"roi-{report.group_by}", header, cells, request)


def _roi_cells(figures: Any, report: Roi) -> dict[str, Any]:
    """Numbers as numbers, so that they are never taken for texts that a spreadsheet might run."""
    body = roi_figures(figures, report.currency)
    gaps = " ".join(f"{gap['currency']} {gap['from']}…{gap['to']}" for gap in body["missing_rates"])
    return body | {name: getattr(figures, name) for name in FIGURES} | {"missing_rates": gaps}


class QualificationStats(APIView):
    @extend_schema(
        summary="How many leads are qualified, and how many have bought",
        parameters=[
            OpenApiParameter("directionId", OpenApiTypes.INT, description="Leads of this direction."),
            OpenApiParameter("deleted", enum=list(FLAGS), description="`1`: deleted leads as well."),
            *DAYS,
            FORMAT,
        ],
        responses={200: QualificationSerializer, **CSV_FILE},
    )
    def get(self, request: Request) -> Response | HttpResponse:
        direction_id = _id(request, "directionId")
        wanted = _format(request)
        direction = None if direction_id is None else account_row(Direction, request, direction_id)
        with_deleted = FLAGS[_known("deleted", request.query_params.get("deleted") or "0", FLAGS)]
        whole, creatives = qualification(_span(request), direction, with_deleted=with_deleted)
        rows = [
            {"creative_id": row.creative_id, "creative_name": row.creative_name} | qualification_figures(row.figures)
            for row in creatives
        ]
        body = qualification_figures(whole)
        if wanted is Format.CSV:
            header = ("creative_id", "creative_name", *body)
            total = {"creative_id": None, "creative_name": _("Total")} | body
            return _file("qualification", header, ([row[name] for name in header] for row in [*rows, total]), request)
        return Response(body | {"creatives": rows})


class FunnelReport(APIView):
    @extend_schema(
        summary="How far leads have come in a pipeline",
        parameters=[
            OpenApiParameter("pipelineId", OpenApiTypes.INT, description="amoCRM's id; without it the first pipeline."),
            *DAYS,
            FORMAT,
        ],
        responses={200: FunnelSerializer, **CSV_FILE},
    )
    def get(self, request: Request) -> Response | HttpResponse:
        pipeline_id = _id(request, "pipelineId")
        wanted = _format(request)
        account = account_of(request)
        report = funnel(_span(request), first_pipeline(account) if pipeline_id is None else pipeline_id)
        if report is None:
            raise exceptions.NotFound(_("There is no pipeline %(id)s.") % {"id": pipeline_id})
        stages = [
            {
                "status_id": stage.status_id,
                "name": stage.name,
                "color": stage.color,
                "reached": stage.reached,
                "now": stage.now,
                "conversion": rate(stage.conversion),
                "median_seconds": stage.median_seconds,
            }
            for stage in report.stages
        ]
        if wanted is Format.CSV:
            header = ("status_id", "name", "reached", "now", "conversion", "median_seconds")
            return _file("funnel", header, ([stage[name] for name in header] for stage in stages), request)
        own = {"pipeline_id": report.pipeline_id, "pipeline_name": report.name}
        return Response(own | {"stages": stages, "won": report.won, "lost": report.lost})


# --- What is asked ---


def _span(request: Request) -> Span:
    return Span(account_of(request), *days_asked(request))


def _format(request: Request) -> Format:
    return _one_of(request, "format", Format, default=Format.JSON)


def _one_of(request: Request, name: str, choices: type[Choice], *, default: Choice) -> Choice:
    raw = request.query_params.get(name)
    return choices(_known(name, raw, choices.values)) if raw else default


def _known(name: str, raw: str, values: Collection[str]) -> str:
    if raw not in values:
        problem = _("“%(value)s” is not possible here. Use one of: %(names)s.")
        raise exceptions.ValidationError({name: [problem % {"value": raw, "names": ", ".join(values)}]})
    return raw


def _id(request: Request, name: str) -> int | None:
    raw = request.query_params.get(name)
    if not raw:
        return None
    number = id_in(raw)
    if number is None:
        raise exceptions.ValidationError({name: [_("Use a whole number.")]})
    return number


def _file(name: str, header: Sequence[str], rows: Iterable[Sequence[object]], request: Request) -> HttpResponse:
    days = [day.isoformat() for day in days_asked(request) if day]
    # Who follows a link in a browser opens the file in a spreadsheet; a program reads it by itself.
    for_people = "text/html" in request.headers.get("Accept", "")
    response = csv_response("-".join([name, *days]), header, rows, for_people=for_people)
    response["Vary"] = "Accept"
    return response
