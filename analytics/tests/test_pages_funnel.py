"""`/app/funnel`: the report's figures, in amoCRM's colours, with the leads behind them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.utils import translation

from analytics.pages.funnel import stay_in_words
from leads.models import Lead, LeadStatusHistory, PipelineStage
from leads.tests.cast import Cast, client, make_cast

pytestmark = pytest.mark.django_db

WON, LOST = 142, 143
NEW, TALK = 10, 20
MARCH = {"since": "2026-03-01", "until": "2026-03-31"}
BEGAN = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def cast() -> Cast:
    made = make_cast()
    for pipeline, name in ((1, "School"), (2, "Camp")):
        for order, (status, label, colour) in enumerate(
            ((NEW, "New", "#99ccff"), (TALK, "Talk", "red;x"), (WON, "Won", "#ccff66"), (LOST, "Lost", "#d5d8db"))
        ):
            PipelineStage.objects.create(
                user_account=made.alpha,
                pipeline_id=pipeline,
                pipeline_name=name,
                pipeline_sort=pipeline,
                status_id=status,
                status_name=label,
                status_color=colour,
                sort_order=order,
            )
    return made


def lead(cast: Cast, number: int, *stages: int) -> None:
    """A lead that has stood in these stages of School, each for an hour and a half."""
    row = Lead.objects.create(
        user_account=cast.alpha,
        amocrm_lead_id=number,
        amocrm_created_at=BEGAN,
        current_pipeline_id=1,
        current_status_id=stages[-1],
    )
    before: int | None = None
    for place, status in enumerate(stages):
        LeadStatusHistory.objects.create(
            user_account=cast.alpha,
            lead=row,
            amocrm_lead_id=number,
            from_pipeline_id=1 if before else None,
            from_status_id=before,
            to_pipeline_id=1,
            to_status_id=status,
            changed_at=BEGAN + timedelta(minutes=90 * place),
        )
        before = status


def page_of(cast: Cast, **query: str) -> str:
    answer = client(cast.vera).get("/app/funnel/", {**MARCH, **query})
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def cells_of(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", page, re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def test_the_stages_are_shown_as_the_report_has_them(cast: Cast) -> None:
    lead(cast, 1, NEW)
    lead(cast, 2, NEW, TALK)
    lead(cast, 3, NEW, TALK, WON)
    lead(cast, 4, NEW, LOST)
    page = page_of(cast)
    assert cells_of(page) == [
        ["New", "", "4", "—", "1", "1\xa0hour, 30\xa0minutes"],
        ["Talk", "", "2", "50.0%", "1", "1\xa0hour, 30\xa0minutes"],
    ]
    assert "25.0% of those that came" in page


def test_bars_are_in_amocrms_own_colours_and_only_in_colours(cast: Cast) -> None:
    lead(cast, 1, NEW)
    page = page_of(cast)
    assert '<rect class="fill" width="100.00" height="10" fill="#99ccff"/>' in page
    assert "red;x" not in page


def test_a_figure_leads_to_the_leads_behind_it(cast: Cast) -> None:
    lead(cast, 1, NEW)
    lead(cast, 2, NEW, TALK)
    lead(cast, 3, NEW, WON)
    addresses = re.findall(r'href="(/app/leads\?stage[^"]*)">', page_of(cast))
    assert len(addresses) == 3
    for address in addresses:
        assert "<p>1 lead" in client(cast.vera).get(address).content.decode()


def test_another_pipeline_can_be_chosen(cast: Cast) -> None:
    lead(cast, 1, NEW)
    assert "No lead of these days is in this pipeline" in page_of(cast, pipeline="2")
    assert cells_of(page_of(cast, pipeline="999")) == cells_of(page_of(cast))
    assert cells_of(page_of(cast, pipeline="x" * 9)) == cells_of(page_of(cast))


def test_who_was_lost_before_standing_anywhere_is_counted_as_lost(cast: Cast) -> None:
    lead(cast, 1, LOST)
    assert "0.0% of those that came" in page_of(cast)


def test_without_pipelines_the_page_says_what_to_do(cast: Cast) -> None:
    answer = client(cast.charlie).get("/app/funnel/")
    assert "No pipelines yet" in answer.content.decode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (30, "less than a minute"), (90 * 60, "1\xa0hour, 30\xa0minutes"), (86400 * 3, "3\xa0days")],
)
def test_time_is_said_in_words(seconds: int | None, words: str) -> None:
    with translation.override("en"):
        assert stay_in_words(seconds) == words
