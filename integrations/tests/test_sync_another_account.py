"""Another amoCRM account comes into the place of the one that was connected, whose leads stay."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from django.db import connections

from analytics.models import Sale
from integrations.amocrm.oauth import TokenPair
from integrations.connecting import connect
from integrations.models import AmoCRMConnection, SyncRun
from integrations.sync import runs, session
from integrations.sync.runner import work
from integrations.sync.tasks import begin
from integrations.tests.sync_world import finish, known_deals, sync
from leads.models import UserAccount
from leads.tests.world import others_first
from sandbox import CrmAccount, Server, seed_bulk


@pytest.fixture
def other(amocrm: Server) -> CrmAccount:
    account = amocrm.crm.add_account("other")
    account.pipelines.add("Продажи", ["Новая", "В работе"])
    return account


def change_to(account: UserAccount, server: Server, crm_account: CrmAccount) -> None:
    pair = TokenPair(server.crm.long_lived_token(crm_account))
    connect.connect(account, crm_account.profile.host, pair)


@pytest.mark.parametrize("is_parted_first", [True, False])
def test_its_first_sync_reads_all_of_it_though_one_of_the_former_was_under_way(
    connected: UserAccount, amocrm: Server, other: CrmAccount, monkeypatch: pytest.MonkeyPatch, is_parted_first: bool
) -> None:
    seed_bulk(amocrm.crm.demo, 800)
    seed_bulk(other, 600)
    former = runs.start(connected)
    with monkeypatch.context() as patched:
        patched.setattr(session, "TURN_SECONDS", 0.0)
        for _turn in range(3):
            work(former.pk, ring_again=lambda _seconds: None)
    if is_parted_first:
        connect.disconnect(AmoCRMConnection.objects.get())
    change_to(connected, amocrm, other)
    run = begin(connected)
    assert run is not None
    assert finish(run).total == 600
    assert other.deals.by_id.keys() <= known_deals(connected).keys()
    former.refresh_from_db()
    why = "The account was disconnected from amoCRM." if is_parted_first else "Another amoCRM account was connected."
    assert (former.state, former.detail) == ("failed", why)


def test_renewing_the_connection_of_the_same_account_breaks_no_sync_off(
    connected: UserAccount, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_bulk(amocrm.crm.demo, 300)
    run = runs.start(connected)
    with monkeypatch.context() as patched:
        patched.setattr(session, "TURN_SECONDS", 0.0)
        work(run.pk, ring_again=lambda _seconds: None)
    change_to(connected, amocrm, amocrm.crm.demo)
    assert finish(run).state == SyncRun.State.DONE
    assert run.total == 300


def test_it_comes_while_a_page_of_the_former_is_being_applied(
    connected: UserAccount, amocrm: Server, other: CrmAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_bulk(amocrm.crm.demo, 300)
    former = runs.start(connected)
    changing: list[Future[None]] = []

    def change() -> None:
        change_to(connected, amocrm, other)
        connections.close_all()

    def begin_to_change() -> None:
        changing.append(ThreadPoolExecutor(1).submit(change))
        wait(changing, timeout=0.5)  # it has to wait for the page

    others_first(monkeypatch, session, begin_to_change)
    work(former.pk, ring_again=lambda _seconds: None)
    changing[0].result(timeout=60)
    former.refresh_from_db()
    assert (former.state, former.detail) == ("failed", "Another amoCRM account was connected.")
    assert AmoCRMConnection.objects.get().amocrm_account_id == other.id


@pytest.mark.parametrize("phones", [("+77011111111", "+77022222222"), (None, None)])
def test_a_merge_in_it_takes_nothing_of_the_formers_leads(
    connected: UserAccount, amocrm: Server, other: CrmAccount, phones: tuple[str | None, str | None]
) -> None:
    demo = amocrm.crm.demo
    sold = demo.deals.create("sold", price=700, phone="+77011111111")
    demo.deals.win(sold.id)
    sync(connected)
    change_to(connected, amocrm, other)
    survivor, gone = (other.deals.create("deal", phone=phone) for phone in phones)
    sync(connected)
    change_to(connected, amocrm, other)  # as when its tokens had died
    amocrm.crm.clock.advance(60)
    other.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    known = known_deals(connected)
    assert {deal_id: lead.is_deleted for deal_id, lead in known.items()} == {
        sold.id: False,
        survivor.id: False,
        gone.id: True,
    }
    assert Sale.objects.get(status="paid").amocrm_deal_id == sold.id


@pytest.mark.parametrize("phones", [("+77011111111", "+77022222222"), (None, None)])
def test_who_comes_back_to_the_first_account_has_merges_of_its_old_deals_followed(
    connected: UserAccount, amocrm: Server, other: CrmAccount, phones: tuple[str | None, str | None]
) -> None:
    demo = amocrm.crm.demo
    survivor, gone = (demo.deals.create("deal", price=700, phone=phone) for phone in phones)
    demo.deals.win(survivor.id)
    sync(connected)
    change_to(connected, amocrm, other)
    sold = other.deals.create("sold", price=900, phone="+77011111111")
    other.deals.win(sold.id)
    sync(connected)
    change_to(connected, amocrm, demo)
    sync(connected)
    amocrm.crm.clock.advance(60)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    deleted = {deal_id: lead.is_deleted for deal_id, lead in known_deals(connected).items()}
    assert deleted == {survivor.id: False, gone.id: True, sold.id: False}
    assert {sale.amocrm_deal_id for sale in Sale.objects.filter(status="paid")} == {sold.id, survivor.id}
