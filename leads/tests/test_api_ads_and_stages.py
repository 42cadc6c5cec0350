from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from leads.deals import crediting
from leads.models import Creative, Direction, Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.news import Utm
from leads.services import ads
from leads.tests.cast import Cast, client
from leads.tests.world import apply, contact, others_first, read, response

pytestmark = pytest.mark.django_db

AIDA = "+77011111111"


def stage(account: UserAccount, status_id: int, **values: Any) -> PipelineStage:
    known = {"pipeline_id": 11, "pipeline_name": "Sales", "status_name": f"Stage {status_id}", "sort_order": status_id}
    return PipelineStage.objects.create(user_account=account, status_id=status_id, **(known | values))


def stand(account: UserAccount, deal_id: int, *status_ids: int, **values: Any) -> Lead:
    """A lead that went through these stages and stands in the last."""
    lead = Lead.objects.create(
        user_account=account,
        amocrm_lead_id=deal_id,
        current_pipeline_id=11,
        current_status_id=status_ids[-1],
        **values,
    )
    for hour, status_id in enumerate(status_ids):
        LeadStatusHistory.objects.create(
            user_account=account,
            lead=lead,
            amocrm_lead_id=deal_id,
            to_pipeline_id=11,
            to_status_id=status_id,
            changed_at=datetime(2026, 3, 1, hour, tzinfo=UTC),
        )
    return lead


def test_directions_are_added_listed_and_renamed(cast: Cast) -> None:
    made = client(cast.sam).post("/directions", {"name": "Autumn"})
    assert made.status_code == 201
    assert client(cast.sam).patch(f"/directions/{made.json()['id']}", {"name": "Winter"}).json()["name"] == "Winter"
    assert [row["name"] for row in client(cast.vera).get("/directions").json()["results"]] == ["Winter"]
    assert client(cast.sam).post("/directions", {"name": ""}).status_code == 400


def test_creatives_belong_to_a_direction_or_to_none(cast: Cast) -> None:
    direction = Direction.objects.create(user_account=cast.alpha, name="Autumn")
    made = client(cast.sam).post(
        "/creatives", {"name": "Video", "direction_id": direction.pk, "external_ad_id": "2385"}
    )
    assert made.status_code == 201
    assert made.json()["direction_id"] == direction.pk
    freed = client(cast.sam).patch(f"/creatives/{made.json()['id']}", {"direction_id": None})
    assert (freed.json()["direction_id"], freed.json()["external_ad_id"]) == (None, "2385")


def test_the_leads_of_a_creative_follow_it_into_another_direction(cast: Cast) -> None:
    first, second = (Direction.objects.create(user_account=cast.alpha, name=name) for name in ("First", "Second"))
    creative = Creative.objects.create(user_account=cast.alpha, name="Video", direction=first)
    own = Direction.objects.create(user_account=cast.alpha, name="Own")
    for direction in (first, own):
        Lead.objects.create(user_account=cast.alpha, creative=creative, direction=direction)
    assert client(cast.sam).patch(f"/creatives/{creative.pk}", {"direction_id": second.pk}).status_code == 200
    assert list(Lead.objects.order_by("id").values_list("direction_id", flat=True)) == [second.pk, own.pk]


@pytest.mark.parametrize("body", [{"name": "Video", "external_ad_id": "2385"}, {"name": "2385"}])
@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("batch", [1, 1_000])
def test_deals_that_named_a_creative_before_it_was_entered_are_credited(
    cast: Cast, body: dict[str, str], is_new: bool, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crediting, "BATCH", batch)
    school = Direction.objects.create(user_account=cast.alpha, name="School")
    known = None if is_new else Creative.objects.create(user_account=cast.alpha, name="Other", direction=school)
    Creative.objects.create(user_account=cast.alpha, name="Third")
    response(cast.alpha, "+77012222222", own_utm={"content": "2385"}, utm_content="2385")
    apply(cast.alpha, read(5, 1, 10, contact_ids=(9,), utm=Utm(content="2385")), contact(9, AIDA))
    apply(cast.alpha, read(6, 1, 11, contact_ids=(9,)), read(7, 1, 12, utm=Utm(content="2386")), contact(9, AIDA))
    apply(cast.alpha, read(8, 1, 13, contact_ids=(9,), utm=Utm(content="Third")), contact(9, AIDA))
    apply(cast.alpha, read(9, 1, 14, contact_ids=(9,), utm=Utm(content="2385")), contact(9, AIDA))
    apply(cast.alpha, read(10, 1, 15, utm=Utm(content="2385")))
    api = client(cast.sam)
    if known:
        made = api.patch(f"/creatives/{known.pk}", body)
    else:
        made = api.post("/creatives", body | {"direction_id": school.pk})
    credited = Lead.objects.filter(creative=made.json()["id"], direction=school).order_by("amocrm_lead_id")
    assert [lead.amocrm_lead_id for lead in credited] == [5, 6, 8, 9, 10]
    assert Lead.objects.exclude(creative=None).count() == 5


def test_leads_follow_a_creative_that_two_people_move_at_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (Direction.objects.create(user_account=cast.alpha, name=name) for name in "ABC")
    creative = Creative.objects.create(user_account=cast.alpha, name="Video", direction=first)
    lead = Lead.objects.create(user_account=cast.alpha, creative=creative, direction=first)

    def move(direction: Direction) -> None:
        client(cast.sam).patch(f"/creatives/{creative.pk}", {"direction_id": direction.pk})

    others_first(monkeypatch, ads, lambda: move(second))
    move(third)
    lead.refresh_from_db()
    creative.refresh_from_db()
    assert lead.direction == creative.direction != first


@pytest.mark.django_db(transaction=True)
def test_of_two_who_give_one_ad_to_a_creative_at_once_the_second_is_told(cast: Cast) -> None:
    known = Creative.objects.create(user_account=cast.alpha, name="Video")
    api = client(cast.sam)

    def make() -> int:
        try:
            return int(api.post("/creatives", {"name": "Other", "external_ad_id": "2385"}).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic(), ads.leads_follow(known):
            making = other.submit(make)
            wait([making], timeout=0.5)  # it has to wait for the account
            known.external_ad_id = "2385"
            known.save()
        assert making.result(timeout=60) == 409


def test_an_external_ad_id_is_one_creatives(cast: Cast) -> None:
    for name in ("A", "B"):  # without one there may be many
        assert client(cast.sam).post("/creatives", {"name": name, "external_ad_id": None}).status_code == 201
    client(cast.sam).post("/creatives", {"name": "C", "external_ad_id": "2385"})
    again = client(cast.sam).post("/creatives", {"name": "D", "external_ad_id": "2385"})
    assert again.status_code == 409
    assert "external_ad_id" in again.json()["detail"]
    other = Creative.objects.get(name="A")
    assert client(cast.sam).patch(f"/creatives/{other.pk}", {"external_ad_id": "2385"}).status_code == 409
    assert client(cast.charlie).post("/creatives", {"name": "E", "external_ad_id": "2385"}).status_code == 201


def test_pipelines_show_their_stages_and_who_stands_there(cast: Cast) -> None:
    first, won = stage(cast.alpha, 20), stage(cast.alpha, 142)
    stage(cast.alpha, 142, pipeline_id=12, pipeline_name="Repeat", pipeline_sort=1)
    stage(cast.beta, 20)
    stand(cast.alpha, 1, 20)
    stand(cast.alpha, 2, 20, 142)
    stand(cast.alpha, 3, 20, is_deleted=True)
    stand(cast.beta, 4, 20)
    sales, repeat = client(cast.vera).get("/amocrm/pipelines").json()["pipelines"]
    assert (sales["pipeline_id"], sales["pipeline_name"]) == (11, "Sales")
    assert [(row["id"], row["status_id"], row["leads_count"]) for row in sales["stages"]] == [
        (first.pk, 20, 1),
        (won.pk, 142, 1),
    ]
    assert repeat["stages"][0]["leads_count"] == 0
    assert set(sales["stages"][0]) == {
        *("id", "status_id", "status_name", "status_color", "sort_order"),
        *("is_qualified_stage", "is_archived", "leads_count"),
    }


def test_a_pipeline_that_was_renamed_and_moved_is_one_whatever_its_archived_stages_say(cast: Cast) -> None:
    stage(cast.alpha, 10, pipeline_name="Before", pipeline_sort=1, is_archived=True)
    stage(cast.alpha, 30, pipeline_id=12, pipeline_name="Repeat", pipeline_sort=2)
    stage(cast.alpha, 20, pipeline_name="Now", pipeline_sort=3)
    answer = client(cast.vera).get("/amocrm/pipelines").json()["pipelines"]
    assert [(one["pipeline_id"], one["pipeline_name"]) for one in answer] == [(12, "Repeat"), (11, "Now")]
    assert [row["status_id"] for row in answer[1]["stages"]] == [10, 20]


def test_pipelines_are_read_in_the_same_statements_however_many(cast: Cast, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        stage(cast.alpha, number, pipeline_id=number % 4)
    caller = client(cast.vera)
    with django_assert_max_num_queries(6):
        caller.get("/amocrm/pipelines")


def test_marking_a_stage_recounts_who_is_qualified(cast: Cast) -> None:
    talk = stage(cast.alpha, 21)
    passed, won, never = stand(cast.alpha, 1, 20, 21, 143), stand(cast.alpha, 2, 20, 142), stand(cast.alpha, 3, 20)
    Lead.objects.filter(pk=won.pk).update(is_qualified=True)
    theirs = stand(cast.beta, 4, 21)

    marked = client(cast.sam).patch(f"/amocrm/pipeline-stages/{talk.pk}", {"is_qualified_stage": True})
    assert marked.status_code == 200
    body = marked.json()
    assert (body["id"], body["pipeline_id"], body["is_qualified_stage"]) == (talk.pk, 11, True)
    assert (body["leads_changed"], body["leads_count"]) == (1, 0)
    qualified = set(Lead.objects.filter(is_qualified=True).values_list("pk", flat=True))
    assert qualified == {passed.pk, won.pk}
    assert never.pk not in qualified
    assert theirs.pk not in qualified

    again = client(cast.sam).patch(f"/amocrm/pipeline-stages/{talk.pk}", {"is_qualified_stage": True})
    assert again.json()["leads_changed"] == 0
    unmarked = client(cast.sam).patch(f"/amocrm/pipeline-stages/{talk.pk}", {"is_qualified_stage": False})
    assert unmarked.json()["leads_changed"] == 1
    assert list(Lead.objects.filter(is_qualified=True)) == [won]


@pytest.mark.parametrize("body", [{}, {"is_qualified_stage": "perhaps"}, {"is_qualified_stage": None}, []])
def test_a_mark_that_cannot_be_read_is_400(cast: Cast, body: object) -> None:
    answer = client(cast.sam).patch(f"/amocrm/pipeline-stages/{stage(cast.alpha, 20).pk}", body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
