from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models.signals import post_init

from leads.models import Creative, Direction, Lead, LeadStatusHistory, UserAccount
from leads.services.leads import lead_enter
from leads.tests.cast import Cast, client
from leads.tests.world import apply, contact, read

pytestmark = pytest.mark.django_db


def lead(account: UserAccount, **values: Any) -> Lead:
    return Lead.objects.create(user_account=account, **values)


def names(cast: Cast, query: str) -> list[str]:
    answer = client(cast.vera).get(f"/leads?{query}")
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


# --- Reading ---


def test_a_lead_has_its_columns_for_keys(cast: Cast) -> None:
    made = lead(
        cast.alpha,
        name="Aigul",
        amocrm_lead_id=5001,
        current_pipeline_id=11,
        current_status_id=142,
        price=Decimal(100000),
        amocrm_updated_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
    )
    row = client(cast.vera).get(f"/leads/{made.pk}").json()
    assert row["user_account_id"] == str(cast.alpha.pk)
    assert (row["price"], row["currency"]) == ("100000.00", "KZT")
    assert (row["amocrm_lead_id"], row["current_pipeline_id"], row["current_status_id"]) == (5001, 11, 142)
    assert row["amocrm_updated_at"] == "2026-03-01T10:00:00Z"
    assert row["match_method"] is None
    assert row["status_history"] == []


def test_a_price_without_a_deal_is_null(cast: Cast) -> None:
    assert client(cast.vera).get(f"/leads/{lead(cast.alpha, name='A').pk}").json()["price"] is None


def test_the_history_is_in_the_order_of_what_happened(cast: Cast) -> None:
    made = lead(cast.alpha, name="Aigul", amocrm_lead_id=5001)
    for hour, before, after in ((12, 21, 22), (10, None, 20), (11, 20, 21)):
        LeadStatusHistory.objects.create(
            user_account=cast.alpha,
            lead=made,
            amocrm_lead_id=5001,
            from_pipeline_id=11 if before else None,
            from_status_id=before,
            to_pipeline_id=11,
            to_status_id=after,
            changed_at=datetime(2026, 3, 1, hour, tzinfo=UTC),
        )
    history = client(cast.vera).get(f"/leads/{made.pk}").json()["status_history"]
    assert [(step["from_status_id"], step["to_status_id"]) for step in history] == [(None, 20), (20, 21), (21, 22)]
    assert history[0] == {
        "from_pipeline_id": None,
        "from_status_id": None,
        "to_pipeline_id": 11,
        "to_status_id": 20,
        "changed_at": "2026-03-01T10:00:00Z",
    }


@pytest.mark.parametrize(
    "typed", ["8 701 123 45 67", "%2B7 (701) 123-45-67", " 77011234567", "77011234567@s.whatsapp.net"]
)
def test_a_phone_is_found_in_any_spelling(cast: Cast, typed: str) -> None:
    lead(cast.alpha, name="Aigul", phone="8701 1234567", phone_e164="+77011234567")
    lead(cast.alpha, name="Other", phone_e164="+77011234568")
    assert names(cast, f"phone={typed}") == ["Aigul"]


def test_what_is_no_phone_is_found_as_it_was_entered(cast: Cast) -> None:
    lead(cast.alpha, name="Aigul", phone="ask the office")
    lead(cast.alpha, name="No phone")
    assert names(cast, "phone=ask the office") == ["Aigul"]


@pytest.mark.parametrize(
    "query",
    [
        "amocrm_lead_id=5001",
        "amocrm_contact_id=77",
        "source=website",
        "status=142",
        "stage=142",
        "pipeline=11",
        "current_status_id=142&current_pipeline_id=11",
        "is_qualified=1",
        "is_qualified=true",
        "utm_source=instagram",
        "utm_campaign=Весна",
        "external_id=form-9",
        "match_method=phone",
        "push_state=pushed",
        "search=айгуль",
        "search=СЕРИКОВА",
        "search=8 701 123 45 67",
    ],
)
def test_leads_are_filtered_by(cast: Cast, query: str) -> None:
    lead(
        cast.alpha,
        name="Айгуль Серикова",
        phone_e164="+77011234567",
        amocrm_lead_id=5001,
        amocrm_contact_id=77,
        source="website",
        current_status_id=142,
        current_pipeline_id=11,
        is_qualified=True,
        utm_source="instagram",
        utm_campaign="Весна",
        external_id="form-9",
        match_method="phone",
        push_state="pushed",
    )
    lead(cast.alpha, name="Other")
    lead(cast.beta, name="Theirs", is_qualified=True, source="website", utm_source="instagram", amocrm_lead_id=5001)
    assert names(cast, query) == ["Айгуль Серикова"]


def test_leads_are_filtered_by_what_they_came_from(cast: Cast) -> None:
    direction = Direction.objects.create(user_account=cast.alpha, name="Autumn")
    creative = Creative.objects.create(user_account=cast.alpha, name="Video", direction=direction)
    lead(cast.alpha, name="Aigul", creative=creative, direction=direction)
    lead(cast.alpha, name="Other")
    assert names(cast, f"creative_id={creative.pk}") == names(cast, f"direction_id={direction.pk}") == ["Aigul"]


@pytest.mark.parametrize("query", ["from=0001-01-01&to=9999-12-31", "phone=8(702)2222222"])
def test_days_without_an_end_and_the_second_phone_of_a_contact_are_understood(cast: Cast, query: str) -> None:
    apply(
        cast.alpha,
        read(5, 1, 10, contact_ids=(7,)),
        contact(7, "+77011111111", "+77022222222"),
    )
    found = client(cast.vera).get(f"/leads?{query}").json()["results"]
    assert 5 in [lead["amocrm_lead_id"] for lead in found]


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("source=radio", "whatsapp, website, manual, amocrm"),
        ("match_method=guess", "deal_id, phone, repeat, created, manual"),
        ("is_qualified=perhaps", "1, true, 0, false"),
        ("deleted=perhaps", "1, true, 0, false"),
        ("ordering=beauty", "lead_at"),
        ("amocrm_lead_id=x", "whole number"),
        (f"amocrm_lead_id={2**63}", "less than or equal"),
        ("creative_id=-1", "greater than or equal"),
        ("from=yesterday", "2026-03-31"),
        ("to=2026-02-30", "2026-03-31"),
        ("from=20260301", "2026-03-31"),
        ("from=2026-03-02&to=2026-03-01", "after"),
        ("search=%00", "Null characters"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_400_with_what_is_allowed(cast: Cast, query: str, allowed: str) -> None:
    answer = client(cast.vera).get(f"/leads?{query}")
    assert answer.status_code == 400
    assert allowed in answer.json()["detail"]


def test_deleted_leads_are_out_unless_asked_for(cast: Cast) -> None:
    lead(cast.alpha, name="Here")
    gone = lead(cast.alpha, name="Gone", is_deleted=True)
    assert names(cast, "") == names(cast, "deleted=0") == ["Here"]
    assert names(cast, "deleted=1&ordering=id") == names(cast, "deleted=True&ordering=id") == ["Here", "Gone"]
    assert client(cast.vera).get(f"/leads/{gone.pk}").json()["is_deleted"] is True


def test_days_are_the_accounts_and_inclusive(cast: Cast) -> None:
    """In Almaty (UTC+5) the 10th begins at 19:00 UTC of the 9th."""
    for hour, name in ((18, "before"), (19, "first moment")):
        lead(cast.alpha, name=name, amocrm_created_at=datetime(2026, 3, 9, hour, 30, tzinfo=UTC))
    lead(cast.alpha, name="last moment", amocrm_created_at=datetime(2026, 3, 10, 18, 59, 59, tzinfo=UTC))
    lead(cast.alpha, name="after", amocrm_created_at=datetime(2026, 3, 10, 19, tzinfo=UTC))
    assert names(cast, "from=2026-03-10&to=2026-03-10&ordering=lead_at") == ["first moment", "last moment"]
    assert names(cast, "to=2026-03-09") == ["before"]
    assert names(cast, "from=2026-03-11") == ["after"]


def test_the_newest_day_comes_first_unless_said_otherwise(cast: Cast) -> None:
    lead(cast.alpha, name="new", amocrm_created_at=datetime(2026, 3, 2, tzinfo=UTC), price=Decimal(1))
    lead(cast.alpha, name="old", amocrm_created_at=datetime(2026, 3, 1, tzinfo=UTC), price=Decimal(2))
    assert names(cast, "") == ["new", "old"]
    assert names(cast, "ordering=lead_at") == names(cast, "ordering=-price") == ["old", "new"]
    assert names(cast, "ordering=lead_at,") == ["old", "new"]
    assert names(cast, "ordering=,") == names(cast, "ordering=") == ["new", "old"]


# --- Entering ---


def enter(cast: Cast, **body: Any) -> Any:
    return client(cast.sam).post("/leads", body)


def test_a_lead_is_entered(cast: Cast) -> None:
    direction = Direction.objects.create(user_account=cast.alpha, name="Autumn")
    creative = Creative.objects.create(user_account=cast.alpha, name="Video", direction=direction)
    answer = enter(
        cast,
        name="Aigul",
        phone="8 (701) 123-45-67",
        source="website",
        creative_id=creative.pk,
        utm_source="instagram",
        utm_campaign="spring",
        external_id="form-1",
        pipeline_id=11,
    )
    assert answer.status_code == 201
    row = answer.json()
    assert (row["phone"], row["phone_e164"]) == ("8 (701) 123-45-67", "+77011234567")
    assert (row["creative_id"], row["direction_id"]) == (creative.pk, direction.pk)
    assert (row["source"], row["push_state"], row["push_pipeline_id"]) == ("website", "none", 11)
    assert (row["utm_source"], row["utm_campaign"], row["utm_medium"]) == ("instagram", "spring", "")
    assert (row["amocrm_lead_id"], row["status_history"]) == (None, [])
    made = Lead.objects.get(pk=row["id"])
    assert made.own_utm == {"source": "instagram", "medium": "", "campaign": "spring", "content": "", "term": ""}
    assert made.user_account == cast.alpha


def test_the_same_external_id_is_the_same_lead(cast: Cast) -> None:
    first = enter(cast, name="Aigul", external_id="form-1")
    again = enter(cast, name="Somebody else", external_id="form-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["name"] == "Aigul"


def test_the_same_external_id_in_two_accounts_are_two_leads(cast: Cast) -> None:
    enter(cast, name="Aigul", external_id="form-1")
    theirs = client(cast.charlie).post("/leads", {"name": "Boris", "external_id": "form-1"})
    assert theirs.status_code == 201


def test_leads_without_external_id_are_each_their_own(cast: Cast) -> None:
    for external_id in (None, "", "  "):
        assert enter(cast, name="Aigul", external_id=external_id).status_code == 201
    assert Lead.objects.filter(external_id=None).count() == 3


def test_of_two_that_enter_at_once_one_wins_and_both_get_it(cast: Cast) -> None:
    """The second looked before the first was there; the constraint decides."""

    def overtake(**event: Any) -> None:
        post_init.disconnect(overtake, sender=Lead)
        lead_enter(account=cast.alpha, name="The other", external_id="form-1")

    post_init.connect(overtake, sender=Lead)
    found, is_new = lead_enter(account=cast.alpha, name="Aigul", external_id="form-1")
    assert (found.name, is_new) == ("The other", False)
    assert Lead.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "phone", "e164"),
    [
        ({"phone": "call me"}, "call me", None),
        ({"phone": "8 701 123 45 67, 8 702 123 45 67"}, "8 701 123 45 67, 8 702 123 45 67", "+77011234567"),
        ({"phone": 87011234567}, "87011234567", "+77011234567"),
        ({"chat_id": "77011234567@s.whatsapp.net"}, "", "+77011234567"),
        ({"chat_id": "120363042012345678@g.us"}, "", None),
        ({"name": "Aigul", "phone": None}, "", None),
    ],
)
def test_a_phone_is_kept_as_entered_and_read_where_it_can_be(
    cast: Cast, body: dict[str, Any], phone: str, e164: str | None
) -> None:
    answer = enter(cast, **body)
    assert answer.status_code == 201
    assert (answer.json()["phone"], answer.json()["phone_e164"]) == (phone, e164)


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "  ", "phone": ""}, {"utm_source": "x"}, {"chat_id": None}]
)
def test_neither_name_nor_phone_nor_chat_is_400(cast: Cast, body: dict[str, Any]) -> None:
    answer = enter(cast, **body)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Give at least one of name, phone and chat_id."


def test_what_is_null_is_left_out(cast: Cast) -> None:
    optional = ("phone", "chat_id", "source", "creative_id", "direction_id", "utm_source", "external_id", "pipeline_id")
    answer = enter(cast, name="Aigul", **dict.fromkeys(optional))
    assert (answer.status_code, answer.json()["source"]) == (201, "manual")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "x" * 301),
        ("phone", "7" * 256),
        ("chat_id", "x" * 101),
        ("utm_term", "x" * 501),
        ("external_id", "x" * 201),
        ("source", "amocrm"),
        ("pipeline_id", "main"),
        ("pipeline_id", 2**63),
        ("name", "\x00"),
        ("name", ["a"]),
        ("phone", {"a": 1}),
    ],
)
def test_what_does_not_fit_is_400_by_field(cast: Cast, key: str, value: object) -> None:
    answer = enter(cast, **({"name": "Aigul"} | {key: value}))
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {key}


def test_a_form_enters_a_lead_as_well(cast: Cast) -> None:
    answer = client(cast.sam).post("/leads", {"name": "Aigul", "phone": "+77011234567"}, format="multipart")
    assert answer.status_code == 201
