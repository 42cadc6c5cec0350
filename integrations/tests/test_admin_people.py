"""The admin's page about people's data: owners hand out and erase, everybody else only sees that it was done."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from integrations.tests.admin_world import World, address
from integrations.tests.world import elsewhere
from leads.deals.apply import lock_account
from leads.models import Lead, PersonRequest, User

pytestmark = pytest.mark.django_db

PHONE = "8 701 123 45 67"


def ask(world: World, who: str, **typed: Any) -> Any:
    form = {"user_account": str(world.alfa.pk), "phone": PHONE, **typed}
    return world.client(who).post(address(PersonRequest, "add"), form)


def lead(world: World) -> Lead:
    found: Lead = world.rows[Lead]
    found.refresh_from_db()
    return found


def test_an_owner_gets_the_document_as_a_file(world: World) -> None:
    answer = ask(world, "alice", kind="export")
    assert answer["Content-Disposition"].startswith("attachment")
    assert [lead["name"] for lead in answer.json()["leads"]] == ["ALFAWORLD Aigerim"]
    request = PersonRequest.objects.get(kind="export")
    assert request.done_by is not None
    assert (request.done_by.email, request.counts["deliveries"]) == ("alice@x.kz", 1)


def test_an_owner_erases_only_when_certain(world: World) -> None:
    assert "Say that you are certain" in ask(world, "alice", kind="erasure").content.decode()
    assert lead(world).name == "ALFAWORLD Aigerim"
    assert ask(world, "alice", kind="erasure", is_certain="on").status_code == 302
    assert lead(world).name == ""
    listed = world.client("vera").get(address(PersonRequest, "changelist")).content.decode()
    assert "leads: 1" in listed
    assert "alice@x.kz" in listed
    User.objects.filter(email="vera@x.kz").update(language="ru")
    listed = world.client("vera").get(address(PersonRequest, "changelist")).content.decode()
    assert "лиды: 1" in listed


@pytest.mark.parametrize("who", ["sam", "vera"])
def test_nobody_else_of_the_account_may(world: World, who: str) -> None:
    assert ask(world, who, kind="erasure", is_certain="on").status_code == 403
    assert lead(world).name == "ALFAWORLD Aigerim"


def test_an_owner_of_another_account_may_not(world: World) -> None:
    assert "Select a valid choice" in ask(world, "bob", kind="export").content.decode()
    assert not PersonRequest.objects.filter(kind="export").exists()


def test_what_is_no_phone_is_said_at_the_field(world: World) -> None:
    assert "Give one phone" in ask(world, "alice", kind="export", phone="Aigerim").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked", [{"kind": "export"}, {"kind": "erasure", "is_certain": "on"}])
def test_a_drain_need_not_wait_until_all_deliveries_are_read(world: World, asked: dict[str, str]) -> None:
    written: list[bool] = []

    @transaction.atomic
    def drain() -> None:
        lock_account(world.alfa)

    def while_bodies_are_read(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and "raw_body" in sql:
            written.append(elsewhere(drain).done())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(while_bodies_are_read):
        ask(world, "alice", **asked)
    assert set(written) == {True}
