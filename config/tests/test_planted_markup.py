"""Markup in everything that others can write: names, phones, UTM, stages, colours, bodies, messages. Every page
of the app and of the admin is opened, and none of it becomes an element, an attribute or a style there.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from analytics.earning.referrers import link_token
from analytics.models import Referrer
from integrations.models import AmoCRMConnection, ConnectionState, WebhookLog
from integrations.tests.admin_world import World, address, build
from leads.models import Lead, PipelineStage, User
from leads.tests.routes import ALL

pytestmark = pytest.mark.django_db

MARK = "planted"
MARKUP = f"\"'></title></script></textarea><{MARK} on{MARK}=1>{{{{{MARK}}}}}"
COLOUR = f"red;{MARK}:1"
BODY = {f"leads<{MARK}>": {"status": [{"id": "26000001", f'name"{MARK}=': MARKUP}]}}
KEPT = {"password", "code_key", "timezone", "phone_region", "currency", "crm_currency", "host", "language"}


class Traces(HTMLParser):
    """Elements, attributes, styles and addresses of a page that could only come from what was planted."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            text = value or ""
            is_code = name.startswith(("on", "x-", "@", ":")) or name == "style"
            is_address = name in ("href", "src", "action", "formaction") and not text.startswith(
                ("/", "?", "#", "http")
            )
            if MARK in name or (MARK in text and (is_code or is_address)):
                self.found.append(f"<{tag} {name}={text[:100]!r}>")
        if MARK in tag:
            self.found.append(f"<{tag}>")

    def handle_data(self, data: str) -> None:
        if MARK in data and self.cdata_elem in ("script", "style"):
            self.found.append(f"{self.cdata_elem}: {data[:100]!r}")


def plant(row: models.Model) -> None:
    """Markup into every text that the row has, by the database's own hand: no form would be asked first."""
    values: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.name in KEPT or field.choices or field.primary_key or field.generated:
            continue
        if isinstance(field, models.BinaryField):
            values[field.name] = f"leads[status][0][id]=26000001&leads[status][0][name]={MARKUP}".encode()
        elif isinstance(field, models.JSONField):
            values[field.name] = [MARKUP] if field.default is list else BODY if field.null else {MARKUP: MARKUP}
        elif field.name == "status_color":
            values[field.name] = COLOUR
        elif type(field) in (models.CharField, models.TextField):
            # With the row's number, for what must be unique.
            values[field.name] = f"{row.pk if field.name == 'external_id' else ''}{MARKUP}"[: field.max_length or None]
    values.pop("webhook_data", None)
    type(row)._base_manager.filter(pk=row.pk).update(**values)


@pytest.fixture
def world() -> World:
    world = build()
    for row in world.rows.values():
        plant(row)
    plant(world.bravo)
    # Its page asks amoCRM live only while it is connected.
    AmoCRMConnection.objects.update(state=ConnectionState.RECONNECT_NEEDED)
    User.objects.update(first_name=MARKUP[:150])
    return world


def traces(client: Client, page: str) -> tuple[int, list[str]]:
    answer = client.get(page)
    parser = Traces()
    if answer.status_code == 200 and "html" in answer["Content-Type"]:
        parser.feed(answer.content.decode())
    return answer.status_code, [f"{page}: {trace}" for trace in parser.found]


def test_the_probe_sees_what_it_is_there_for() -> None:
    parser = Traces()
    parser.feed(f'{MARKUP}<i style="{COLOUR}"></i><a href="javascript:{MARK}">x</a><script>{MARK}</script>')
    assert len(parser.found) == 5


def test_no_page_of_the_app_takes_it_for_markup(world: World) -> None:
    client = world.client("root")
    session = client.session
    session["user_account_id"] = str(world.alfa.pk)
    session.save()
    pks = {row.pk for row in world.rows.values()}
    found: list[str] = []
    for route in [route for route in ALL if route.is_page]:
        pages = {route.url(pk) for pk in pks} if route.has_row else {route.url()}
        answers = [traces(client, page) for page in sorted(pages)]
        assert {status for status, _found in answers} & {200, 302, 405}, route.path
        found += [trace for _status, of_page in answers for trace in of_page]
    found += traces(client, f"/r/{link_token(Referrer.objects.get())}")[1]
    found += traces(client, f"/app/leads/?q={MARKUP}")[1]
    assert found == []


def test_no_page_of_the_admin_takes_it_for_markup(world: World) -> None:
    client = world.client("root")
    found = traces(client, reverse("admin:index"))[1]
    for model in admin.site._registry:
        found += traces(client, address(model, "changelist"))[1] + traces(client, address(model, "add"))[1]
        if model in world.rows:
            for page in ("change", "delete", "history"):
                status, of_page = traces(client, address(model, page, world.rows[model].pk))
                assert status in (200, 302, 403), (model, page)
                found += of_page
    assert found == []


def test_planted_rows_are_what_the_pages_show(world: World) -> None:
    """Else the tests above would look at empty pages."""
    client = world.client("alice")
    for page in (
        "/app/leads/",
        f"/app/leads/{world.rows[Lead].pk}",
        address(WebhookLog, "change", world.rows[WebhookLog].pk),
    ):
        assert f"&lt;{MARK}" in client.get(page).content.decode(), page
    assert "&lt;" in client.get(address(PipelineStage, "changelist")).content.decode()
