"""Clients that others wrote for the real amoCRM get from the sandbox what they expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter

from sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, Server, seed_bulk

amocrm = pytest.importorskip("amocrm.v2")
amocrm_tokens = pytest.importorskip("amocrm.v2.tokens")
wrapper = pytest.importorskip("amocrm_api")

CALLBACK = "https://voronka.example/amocrm/callback"


class ToSandbox(HTTPAdapter):
    """Takes what is meant for `https://demo.amocrm.ru` to the sandbox, for clients that know no other host."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.target = urlsplit(url)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        assert parts.netloc == "demo.amocrm.ru"
        request.url = urlunsplit(parts._replace(scheme=self.target.scheme, netloc=self.target.netloc))
        return super().send(request, *args, **options)


@pytest.fixture
def redirected(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ToSandbox(server.url)
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: adapter)


@pytest.fixture
def signed_in(crm: Sandbox, redirected: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client `amocrm-api`, having exchanged a code as its documentation says."""
    manager = amocrm_tokens.default_token_manager
    monkeypatch.setattr(manager, "_storage", None)
    manager(
        client_id=CLIENT_ID, client_secret=CLIENT_SECRET, subdomain="demo", redirect_url=CALLBACK,
        storage=amocrm_tokens.MemoryTokensStorage(),
    )  # fmt: skip
    manager.init(code=crm.oauth.code_for(CLIENT_ID, crm.demo.id))


def test_amocrm_api_reads_deals_their_stages_and_contacts(crm: Sandbox, signed_in: None) -> None:
    deal = crm.demo.deals.create("Имплант", price=100, phone="8 701", contact_name="Айгерим", tags=["vip"])
    lead = amocrm.Lead.objects.get(object_id=deal.id)
    assert (lead.name, lead.price, lead.status.name) == ("Имплант", 100, "Первичный контакт")
    assert [tag.name for tag in lead.tags] == ["vip"]
    assert [contact.name for contact in lead.contacts] == ["Айгерим"]
    assert lead.pipeline.name == "Продажи"


def test_amocrm_api_walks_all_pages(crm: Sandbox, signed_in: None) -> None:
    made = seed_bulk(crm.demo, 260)
    assert [lead.id for lead in amocrm.Lead.objects.all()] == made


def test_amocrm_api_creates_changes_and_links(crm: Sandbox, signed_in: None) -> None:
    contact = amocrm.Contact(name="Тимур")
    contact.save()
    lead = amocrm.Lead(name="С сайта", price=5)
    lead.save()
    lead = amocrm.Lead.objects.get(object_id=lead.id)
    lead.contacts.append(contact, main=True)
    lead.price = 700
    lead.save()
    deal = crm.demo.deals[lead.id]
    assert (deal.name, deal.price, deal.contact_ids) == ("С сайта", 700, [contact.id])


def test_amocrm_api_reads_events_and_finds_nothing_as_it_should(crm: Sandbox, signed_in: None) -> None:
    deal = crm.demo.deals.create("x", silent=True)
    crm.demo.deals.win(deal.id)
    events = list(amocrm.Event.objects.all())
    assert [(event.type, event.value_after) for event in events if event.type == "lead_status_changed"] == [
        ("lead_status_changed", {"id": 142, "pipeline_id": crm.demo.pipelines.main.id})
    ]
    with pytest.raises(amocrm.exceptions.NotFound):
        amocrm.Lead.objects.get(object_id=5)


def test_amocrm_api_refreshes_when_the_token_is_old(crm: Sandbox, signed_in: None) -> None:
    manager = amocrm_tokens.default_token_manager
    old = manager._storage.get_refresh_token()
    crm.switches.access_token_seconds = -1
    manager._storage.save_tokens(crm.oauth.pair_for(crm.demo.id, CLIENT_ID).access_token, old)
    crm.switches.access_token_seconds = 60
    assert list(amocrm.Lead.objects.all()) == []
    assert crm.oauth.refresh[old].dead


class JsonVerbs(httpx.Client):
    """httpx whose `get` and `delete` take `json=`, which release 1.0.1 of the wrapper believes they do."""

    def get(self, url: Any, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def delete(self, url: Any, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    crm = server.crm
    pair = crm.oauth.pair_for(crm.demo.id, CLIENT_ID)
    client: Any = wrapper.AmoOAuthClient(
        pair.access_token, pair.refresh_token, server.url, CLIENT_ID, CLIENT_SECRET, CALLBACK
    )

    def session(params: dict[str, str] | None = None) -> JsonVerbs:
        return JsonVerbs(headers={**client._auth_headers(), **(params or {})}, timeout=30, trust_env=False)

    client._init_session = session
    client._session.close()
    client._session = session()
    yield client
    client.close()


def test_the_wrapper_reads_filtered_and_ordered_deals(crm: Sandbox, client: Any) -> None:
    made = seed_bulk(crm.demo, 30)
    crm.demo.profile.is_api_filter_enabled = True
    answer = client.get_leads(limit=10, with_params=["contacts"], order={"updated_at": "desc"})
    assert [lead["id"] for lead in answer["_embedded"]["leads"]] == made[:-11:-1]
    chosen = client.get_leads(filter_ids=made[:2])
    assert [lead["id"] for lead in chosen["_embedded"]["leads"]] == made[:2]
    assert [lead["id"] for lead in client.iter_leads(limit=7)] == made
    assert client.get_lead(5) == {}


def test_the_wrapper_creates_complex_deals_and_changes_them(crm: Sandbox, client: Any) -> None:
    phone = {"field_code": "PHONE", "values": [{"value": "8 701", "enum_code": "WORK"}]}
    row = {"name": "x", "_embedded": {"contacts": [{"first_name": "А", "custom_fields_values": [phone]}]}}
    made = client.create_leads_complex([row])
    client.update_leads([{"id": made[0]["id"], "status_id": 142}])
    assert crm.demo.deals[made[0]["id"]].status_id == 142
    contact = client.get_contact(made[0]["contact_id"])
    assert contact["custom_fields_values"][0]["values"][0]["value"] == "8 701"


def test_the_wrapper_manages_hooks_and_reads_pipelines(client: Any) -> None:
    client.subscribe_webhook("https://voronka.example/hook", ["add_lead"])
    assert client.get_webhooks()["_embedded"]["webhooks"][0]["settings"] == ["add_lead"]
    client.unsubscribe_webhook("https://voronka.example/hook")
    assert client.get_webhooks()["_embedded"]["webhooks"] == []
    stages = client.get_pipelines()["_embedded"]["pipelines"][0]["_embedded"]["statuses"]
    assert [stage["id"] for stage in stages[-2:]] == [142, 143]


def test_the_wrapper_refreshes_by_itself_on_401(crm: Sandbox, client: Any) -> None:
    crm.oauth.access[client.access_token].revoked = True
    before = client.access_token
    assert client.get_leads() == {}
    assert client.access_token != before
