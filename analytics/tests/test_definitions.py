"""Every figure of every report is defined once, in the words that the pages, the API and the documents show."""

from __future__ import annotations

from dataclasses import fields
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from rest_framework.serializers import Serializer

from analytics.api import report_shapes
from analytics.reports.definitions import (
    BASIS_MEANINGS,
    BELONGS,
    FUNNEL_FIGURES,
    QUALIFICATION_FIGURES,
    ROI_FIGURES,
    Definition,
)
from analytics.reports.funnel import Funnel, StageFigures
from analytics.reports.qualification import Qualification
from analytics.reports.spans import Basis, GroupBy
from leads.tests.cast import client, make_cast

NO_FIGURES = {"status_id", "name", "color", "pipeline_id", "stages", "currency", "missing_rates"}


def names(definitions: tuple[Definition, ...]) -> set[str]:
    found = [one.name for one in definitions]
    assert len(found) == len(set(found))
    return set(found)


def test_every_figure_of_every_report_is_defined() -> None:
    assert names(ROI_FIGURES) == set(report_shapes.FIGURES)
    assert names(QUALIFICATION_FIGURES) == set(report_shapes.qualification_figures(Qualification()))
    assert names(FUNNEL_FIGURES) == {one.name for kind in (StageFigures, Funnel) for one in fields(kind)} - NO_FIGURES
    assert (set(BASIS_MEANINGS), set(BELONGS)) == (set(Basis), set(GroupBy))


@pytest.mark.parametrize(
    "shape",
    [
        report_shapes.RoiFiguresSerializer,
        report_shapes.QualificationFiguresSerializer,
        report_shapes.FunnelStageSerializer,
    ],
)
def test_the_api_describes_every_figure(shape: type[Serializer[object]]) -> None:
    described = {name: field.help_text for name, field in shape().fields.items() if name not in NO_FIGURES}
    assert described
    assert all(described.values()), described


@pytest.mark.django_db
def test_the_document_is_written_from_them() -> None:
    said = StringIO()
    call_command("definitions", stdout=said)
    document = Path(settings.BASE_DIR, "docs", "definitions.md").read_text()
    assert document == said.getvalue(), "run: manage.py definitions > docs/definitions.md"


@pytest.mark.django_db
def test_the_dashboard_says_what_its_figures_mean() -> None:
    page = client(make_cast().vera).get("/app/").content.decode()
    for name in ("leads", "qualified_leads", "sales", "revenue", "spend", "roi"):
        (definition,) = (one for one in ROI_FIGURES if one.name == name)
        assert f'<abbr title="{definition.meaning}">' in page, name
