from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.utils import timezone

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import Outage, RequestError, Unpaid
from integrations.amocrm.lookups import Answer, Kind, newest_first
from integrations.models import AmoCRMConnection
from leads.clock import shared_now
from leads.models import UserAccount
from sandbox import CrmAccount, Server, seed_bulk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(connected: UserAccount) -> AmoCRMConnection:
    return AmoCRMConnection.objects.get(user_account=connected)


@pytest.fixture
def client(connection: AmoCRMConnection) -> AmoCRMClient:
    return AmoCRMClient(connection)


def all_deals(account: CrmAccount) -> list[int]:
    return sorted(account.deals.by_id)


def test_one_deal_is_read_by_its_id_with_its_contacts(client: AmoCRMClient, amocrm: Server) -> None:
    deal = amocrm.crm.demo.deals.create("Имплант", price=100_000, phone="8 701 123 45 67", utm={"source": "ig"})
    amocrm.crm.demo.deals.create("Другая")
    found = client.deals([deal.id])[deal.id]
    assert (found.deal_id, found.price, found.utm.source) == (deal.id, Decimal(100_000), "ig")
    assert found.read_at is not None
    assert client.contacts(found.contact_ids)[found.contact_ids[0]].phones == ("8 701 123 45 67",)
    assert client.requests_made == 2


def test_a_deal_that_is_gone_is_not_in_the_answer(client: AmoCRMClient, amocrm: Server) -> None:
    kept, deleted = (amocrm.crm.demo.deals.create(name) for name in ("a", "b"))
    amocrm.crm.demo.deals.delete(deleted.id)
    assert client.deals([kept.id, deleted.id, 999_999_999]).keys() == {kept.id}
    assert client.deals([999_999_999]) == {}
    assert client.deals([]) == {}


def test_a_deal_that_is_answered_404_is_gone_unless_all_is(client: AmoCRMClient, amocrm: Server) -> None:
    kept = amocrm.crm.demo.deals.create("a")
    amocrm.crm.faults.answer(404, prefix="/api/v4/leads/99")
    assert client.deals([99]) == {}
    amocrm.crm.faults.answer(404)
    with pytest.raises(Outage, match="no account"):
        client.deals([kept.id])


def test_a_burst_of_a_thousand_costs_few_requests_without_filters(client: AmoCRMClient, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 3000)
    newest = sorted(amocrm.crm.demo.deals.by_id.values(), key=lambda deal: (deal.updated_at, deal.id))[-1000:]
    found = client.deals([deal.id for deal in newest])
    assert found.keys() == {deal.id for deal in newest}
    contacts = {contact_id for deal in found.values() for contact_id in deal.contact_ids}
    assert client.contacts(contacts).keys() == contacts
    assert client.requests_made <= 40


@pytest.mark.skipif(database.vendor != "postgresql", reason="SQLite has the clock of its machine")
@pytest.mark.parametrize("ahead", [-60, 60])
def test_when_a_deal_was_read_is_said_by_the_clock_that_all_workers_share(
    client: AmoCRMClient, amocrm: Server, ahead: int
) -> None:
    deal = amocrm.crm.demo.deals.create("a")
    before = shared_now()
    with time_machine.travel(timezone.now() + timedelta(seconds=ahead)):
        read_at = client.deals([deal.id])[deal.id].read_at
    assert read_at is not None
    assert before <= read_at <= shared_now()


def test_deals_deleted_together_are_not_asked_for_one_by_one(client: AmoCRMClient, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 600)
    gone = sorted(amocrm.crm.demo.deals.by_id)[:300]
    for deal_id in gone:
        amocrm.crm.demo.deals.delete(deal_id)
    kept = amocrm.crm.demo.deals.create("kept")
    assert client.deals([*gone, kept.id]).keys() == {kept.id}
    # the account's add-on, the pages of all that is there, and two of the bin
    assert client.requests_made <= 1 + 2 + 2


def test_where_the_bin_is_not_shown_they_are(client: AmoCRMClient, amocrm: Server) -> None:
    gone = [amocrm.crm.demo.deals.create(f"deal {number}").id for number in range(20)]
    for deal_id in gone:
        amocrm.crm.demo.deals.delete(deal_id)

    def ask(path: str, query: Mapping[str, Any]) -> Answer:
        if query["with"] == "only_deleted":
            raise RequestError("no bin", status=400)
        return Answer(client.get(path, query), timezone.now())

    assert newest_first(ask, Kind("leads", "contacts", lambda data, _: data, has_bin=True), gone) == {}
    assert client.requests_made == 1 + len(gone)


def test_old_deals_are_read_one_by_one_once_pages_no_longer_help(client: AmoCRMClient, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 3000)
    by_age = sorted(amocrm.crm.demo.deals.by_id.values(), key=lambda deal: (deal.updated_at, deal.id))
    wanted = {deal.id for deal in [*by_age[:5], *by_age[-20:]]}
    assert client.deals(wanted).keys() == wanted
    # the account's add-on, one page with hits, one without, and five by their ids
    assert client.requests_made <= 1 + 2 + 5


def test_with_the_add_on_deals_are_read_by_filter(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server
) -> None:
    amocrm.crm.demo.profile.is_api_filter_enabled = True
    seed_bulk(amocrm.crm.demo, 3000)
    wanted = set(all_deals(amocrm.crm.demo)[:600])
    assert client.deals(wanted).keys() == wanted
    assert client.requests_made == 1 + 3
    connection.refresh_from_db()
    assert connection.is_api_filter_enabled is True
    AmoCRMClient(connection).deals(wanted)
    assert sum("account" in seen.path for seen in amocrm.crm.requests) == 1


@pytest.mark.parametrize("refusal", ["ignored", "error"])
def test_a_filter_that_does_not_filter_is_noticed_and_remembered(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server, refusal: str
) -> None:
    AmoCRMConnection.objects.update(is_api_filter_enabled=True)
    connection.refresh_from_db()
    amocrm.crm.set_switches({"filter_without_addon": refusal})
    seed_bulk(amocrm.crm.demo, 600)
    wanted = set(all_deals(amocrm.crm.demo)[100:120])
    assert AmoCRMClient(connection).deals(wanted).keys() == wanted
    connection.refresh_from_db()
    assert connection.is_api_filter_enabled is False


def test_the_accounts_own_mapping_finds_utm(client: AmoCRMClient, amocrm: Server, connected: UserAccount) -> None:
    field = amocrm.crm.demo.deals.fields.define("Откуда")
    deal = amocrm.crm.demo.deals.create("Сделка")
    amocrm.crm.demo.deals.set_fields(deal.id, {field.id: "ig"})
    connected.utm_mapping = {str(field.id): "utm_source"}
    connected.save()
    connection = AmoCRMConnection.objects.get(user_account=connected)
    assert AmoCRMClient(connection).deals([deal.id])[deal.id].utm.source == "ig"


def test_pages_follow_their_links_on_our_own_host_only(client: AmoCRMClient, amocrm: Server) -> None:
    seed_bulk(amocrm.crm.demo, 520)
    pages = list(client.pages("leads", {"limit": 250, "order[id]": "asc"}))
    assert [len(page["_embedded"]["leads"]) for page in pages] == [250, 250, 20]
    # The sandbox names https://demo.amocrm.ru in its links: all three came to it all the same.
    assert client.requests_made == 3


def test_an_empty_list_has_no_pages(client: AmoCRMClient, amocrm: Server) -> None:
    assert list(client.pages("leads")) == []
    assert client.webhooks() == []


def test_a_filter_that_is_not_paid_for_any_more_is_done_without(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server
) -> None:
    """402 is said of an account and of a feature alike."""
    AmoCRMConnection.objects.update(is_api_filter_enabled=True)
    connection.refresh_from_db()
    seed_bulk(amocrm.crm.demo, 3)
    amocrm.crm.faults.answer(402, times=1)
    ids = all_deals(amocrm.crm.demo)
    assert client.deals(ids).keys() == set(ids)
    connection.refresh_from_db()
    assert connection.is_api_filter_enabled is False


def test_an_account_that_is_not_paid_for_says_so_and_keeps_its_filter(
    client: AmoCRMClient, connection: AmoCRMConnection, amocrm: Server
) -> None:
    AmoCRMConnection.objects.update(is_api_filter_enabled=True)
    connection.refresh_from_db()
    amocrm.crm.demo.profile.is_paid = False
    with pytest.raises(Unpaid):
        client.deals([1, 2])
    connection.refresh_from_db()
    assert connection.is_api_filter_enabled is True
