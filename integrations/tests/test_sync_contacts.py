"""The phones of a deal's contacts: the same ones count whichever way a deal became known."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from analytics.models import Sale
from integrations.models import SyncStaged
from integrations.tests.sync_world import gaps, sync
from integrations.tests.world import bodies, deliver, drain_all
from leads.models import Lead, UserAccount
from leads.tests.world import response
from sandbox import Server
from sandbox.crm.models import Deal

MAIN, OTHER = "+77011111111", "+77012222222"


def deal_of_two(server: Server, *, main: str | None, other: str | None, silent: bool = False) -> Deal:
    """A deal with two contacts, the second of which is the older."""
    contacts = server.crm.demo.contacts
    second = contacts.create("Second", phone=other, silent=silent)
    first = contacts.create("First", phone=main, silent=silent)
    return server.crm.demo.deals.create("deal", contact_ids=[first.id, second.id], silent=silent)


def phones(account: UserAccount, deal: Deal) -> list[str]:
    return list(Lead.objects.get(user_account=account, amocrm_lead_id=deal.id).contact_phones)


@pytest.mark.parametrize(
    ("main", "other", "counted"),
    [
        (MAIN, OTHER, [MAIN]),
        (None, OTHER, [OTHER]),
        ("no phone", OTHER, [OTHER]),
        (MAIN, None, [MAIN]),
        (None, None, []),
    ],
)
@pytest.mark.parametrize("way", ["hook", "first sync", "later sync", "full sync"])
def test_the_same_phones_count_whichever_way_a_deal_became_known(
    connected: UserAccount, crm: Server, way: str, main: str | None, other: str | None, counted: list[str]
) -> None:
    if way in ("later sync", "full sync"):
        sync(connected)
        crm.crm.clock.advance(60)
    deal = deal_of_two(crm, main=main, other=other, silent=way != "hook")
    if way == "hook":
        for body in bodies(crm):
            if "leads[add]" in unquote(body):  # the contacts are read
                deliver(connected, body)
        drain_all(connected)
    else:
        sync(connected, full=way == "full sync")
    assert phones(connected, deal) == counted
    assert Lead.objects.get(amocrm_lead_id=deal.id).contact_name == "First"


def test_an_untold_deal_of_an_old_client_is_matched(connected: UserAccount, crm: Server) -> None:
    old = crm.crm.demo.contacts.create("Aida", phone=MAIN, silent=True)
    for number in range(3):
        crm.crm.demo.contacts.create(f"someone {number}", phone=f"+7702000000{number}", silent=True)
    ad = response(connected, MAIN, name="Aida")
    sync(connected)
    crm.crm.clock.advance(3600)
    deal = crm.crm.demo.deals.create("deal", contact_ids=[old.id], silent=True)
    run = sync(connected)
    ad.refresh_from_db()
    assert ad.amocrm_lead_id == deal.id
    assert gaps(connected) == [(deal.id, "created")]
    assert run.drift_count == 1


def test_a_phone_that_another_contact_gets_later_counts_where_the_main_one_has_none(
    connected: UserAccount, crm: Server
) -> None:
    deal = deal_of_two(crm, main=None, other=None, silent=True)
    known = deal_of_two(crm, main=MAIN, other=None, silent=True)
    sync(connected)
    crm.crm.clock.advance(60)
    for one, phone in ((deal, OTHER), (known, "+77013333333")):
        crm.crm.demo.contacts.add_phone(one.contact_ids[1], phone, silent=True)
    sync(connected)
    assert phones(connected, deal) == [OTHER]
    assert phones(connected, known) == [MAIN]
    assert gaps(connected) == [(deal.id, "contact")]
    assert sync(connected).updated == 0


def test_nothing_of_a_contact_is_kept_beside_its_leads(connected: UserAccount, crm: Server) -> None:
    deal_of_two(crm, main=None, other=OTHER, silent=True)
    sync(connected)
    assert not SyncStaged.objects.exists()


def test_without_rights_for_contacts_a_sync_finds_what_no_hook_told(connected: UserAccount, crm: Server) -> None:
    sync(connected)
    crm.crm.clock.advance(3600)
    deal = crm.crm.demo.deals.create("deal", price=500, phone=MAIN, silent=True)
    crm.crm.demo.deals.win(deal.id, silent=True)
    crm.crm.faults.answer(403, prefix="/api/v4/contacts")
    run = sync(connected)
    assert run.state == "done"
    assert "has no right" in run.detail
    assert Sale.objects.get().amocrm_deal_id == deal.id
