"""Every figure of `/analytics/funnel`, from a history that a person can follow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.reports.funnel import funnel
from analytics.reports.spans import Span
from analytics.tests.reports_world import table
from leads.models import Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

PIPELINE, OTHER = 10, 20
STAGES = {"New": 1, "Call": 2, "Meet": 3, "Won": 142, "Lost": 143}
BEGIN = datetime(2026, 3, 10, 9, tzinfo=UTC)

# stage@second after stage@second; “Else” and “Else's-Won” are stages of another pipeline.
HISTORIES = """
lead          | history                    | what it shows
straight      | New@0 Call@100 Won@400     | all the way
lost late     | New@0 Call@300 Lost@350    | what it reached stays reached
skipping      | New@0 Meet@200             | a later stage is a stage reached
waiting       | New@0                      | a stay that has not ended has no length
un-won        | Call@0 Won@70 New@90       | who was won has reached everything
lost at once  | Lost@0                     | reached nothing
gone over     | New@0 Else@50              | of this pipeline no more, but it was
won there     | Meet@0 Else's-Won@30       | no win of this pipeline
elsewhere     | Else@0                     | never here
"""
# In New: straight 100, lost late 300, skipping 200, gone over 50 → (100 + 200) / 2; in Call: 300, 50, 70 → 70.
EXPECTED = """
status_id | name | reached | now | conversion | median_seconds
1         | New  | 7       | 2   | 100        | 150
2         | Call | 5       | 0   | 71.43      | 70
3         | Meet | 4       | 1   | 80         | 30
"""


@pytest.fixture
def account(cast: Cast) -> UserAccount:
    make_stages(cast.alpha, PIPELINE, "Sales", STAGES)
    make_stages(cast.alpha, OTHER, "Else", {"Else": 9, "Won": 142, "Lost": 143}, pipeline_sort=1)
    for row in table(HISTORIES):
        went(cast.alpha, row["history"])
    return cast.alpha


def make_stages(account: UserAccount, pipeline_id: int, name: str, stages: dict[str, int], **values: Any) -> None:
    for place, (stage, status_id) in enumerate(stages.items(), 1):
        PipelineStage.objects.create(
            user_account=account,
            pipeline_id=pipeline_id,
            pipeline_name=name,
            status_id=status_id,
            status_name=stage,
            sort_order=place * 10,
            **values,
        )


def went(account: UserAccount, history: str, begin: datetime = BEGIN, **values: Any) -> Lead:
    steps = [step.split("@") for step in history.split()]
    elses = {"Else": (OTHER, 9), "Else's-Won": (OTHER, 142)}
    stages = [elses.get(name) or (PIPELINE, STAGES[name]) for name, _second in steps]
    lead = Lead.objects.create(
        user_account=account,
        amocrm_lead_id=Lead.objects.count() + 1,
        amocrm_created_at=begin,
        current_pipeline_id=stages[-1][0],
        current_status_id=stages[-1][1],
        **values,
    )
    came_from: tuple[int | None, int | None] = (None, None)
    rows = []
    seconds = [second for _name, second in steps]
    for place, ((pipeline_id, status_id), second) in enumerate(zip(stages, seconds, strict=True)):
        row = LeadStatusHistory(
            user_account=account,
            lead=lead,
            amocrm_lead_id=lead.amocrm_lead_id or 0,
            from_pipeline_id=came_from[0],
            from_status_id=came_from[1],
            to_pipeline_id=pipeline_id,
            to_status_id=status_id,
            changed_at=begin + timedelta(seconds=int(second)),
            tie=seconds[:place].count(second),
        )
        rows.append(row)
        came_from = (pipeline_id, status_id)
    for row in reversed(rows):  # as what is told late: its id says nothing of its place
        row.save()
    return lead


def asked(cast: Cast, **query: Any) -> dict[str, Any]:
    answer = client(cast.vera).get("/analytics/funnel", query)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def expected() -> list[dict[str, Any]]:
    return [
        {name: value if name == "name" else None if value == "null" else float(value) for name, value in row.items()}
        for row in table(EXPECTED)
    ]


def test_every_figure_is_as_computed_by_hand(cast: Cast, account: UserAccount) -> None:
    body = asked(cast, pipelineId=PIPELINE)
    assert [{name: stage[name] for name in expected()[0]} for stage in body["stages"]] == expected()
    assert (body["won"], body["lost"]) == (1, 2)


def test_without_an_id_it_is_the_first_pipeline(cast: Cast, account: UserAccount) -> None:
    assert asked(cast) == asked(cast, pipelineId=PIPELINE)
    body = asked(cast, pipelineId=OTHER)
    assert [(stage["name"], stage["reached"], stage["now"]) for stage in body["stages"]] == [("Else", 3, 2)]
    assert (body["won"], body["lost"]) == (1, 0)


def test_leads_count_by_their_day_and_deleted_ones_not(cast: Cast, account: UserAccount) -> None:
    before = asked(cast, **{"from": "2026-03-10", "to": "2026-03-10"})
    assert before["stages"] == asked(cast)["stages"]
    went(account, "New@0 Won@5", begin=BEGIN - timedelta(days=1))
    went(account, "New@0 Won@5", begin=BEGIN + timedelta(days=1))
    went(account, "New@0 Won@5", is_deleted=True)
    assert asked(cast, **{"from": "2026-03-10", "to": "2026-03-10"}) == before


def test_steps_of_one_second_are_in_their_order(cast: Cast) -> None:
    make_stages(cast.alpha, PIPELINE, "Sales", STAGES)
    went(cast.alpha, "New@0 Call@0 Meet@10")
    assert [stage["median_seconds"] for stage in asked(cast)["stages"]] == [0, 10, None]


def test_a_stay_of_months_is_told_to_the_second(cast: Cast) -> None:
    make_stages(cast.alpha, PIPELINE, "Sales", STAGES)
    went(cast.alpha, "New@0 Call@8640001")
    assert asked(cast)["stages"][0]["median_seconds"] == 8_640_001


@pytest.mark.parametrize(("longer", "median"), [(2, 2), (3, 2), (4, 3)])
def test_half_a_second_in_the_middle_is_rounded_up(cast: Cast, longer: int, median: int) -> None:
    make_stages(cast.alpha, PIPELINE, "Sales", STAGES)
    went(cast.alpha, "New@0 Call@1")
    went(cast.alpha, f"New@0 Call@{longer}")
    assert asked(cast)["stages"][0]["median_seconds"] == median


def test_a_pipeline_without_leads_has_zeros(cast: Cast) -> None:
    make_stages(cast.alpha, PIPELINE, "Sales", STAGES)
    for stage in asked(cast)["stages"]:
        assert (stage["reached"], stage["now"], stage["conversion"], stage["median_seconds"]) == (0, 0, 0, None)


def test_before_pipelines_are_read_there_is_an_empty_funnel(cast: Cast) -> None:
    body = asked(cast)
    assert (body["stages"], body["won"], body["lost"]) == ([], 0, 0)


def test_an_archived_stage_is_shown_only_where_somebody_stood(cast: Cast, account: UserAccount) -> None:
    make_stages(account, PIPELINE, "Sales", {"Old": 7}, is_archived=True)
    PipelineStage.objects.filter(status_id=3).update(is_archived=True)
    assert [stage["name"] for stage in asked(cast)["stages"]] == ["New", "Call", "Meet"]


def test_an_archived_pipeline_is_not_the_first(cast: Cast, account: UserAccount) -> None:
    PipelineStage.objects.filter(pipeline_id=PIPELINE).update(is_archived=True)
    assert [stage["name"] for stage in asked(cast)["stages"]] == ["Else"]


@pytest.mark.parametrize(("pipeline", "code"), [("99", 404), ("x", 400), ("-1", 400), ("9" * 30, 400)])
def test_a_pipeline_that_is_not_the_accounts_is_refused(
    cast: Cast, account: UserAccount, pipeline: str, code: int
) -> None:
    make_stages(cast.beta, 99, "Theirs", {"New": 1})
    answer = client(cast.vera).get(f"/analytics/funnel?pipelineId={pipeline}")
    assert answer.status_code == code
    assert answer.json()["detail"]


def test_a_funnel_is_five_statements(account: UserAccount, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(5):
        funnel(Span(account), PIPELINE)


def test_csv_has_a_line_per_stage(cast: Cast, account: UserAccount) -> None:
    lines = client(cast.vera).get("/analytics/funnel?format=csv").content.decode().splitlines()
    assert lines[:2] == ["status_id,name,reached,now,conversion,median_seconds", "1,New,7,2,100.0,150"]
