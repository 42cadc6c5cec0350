"""Which deal went into which, where amoCRM's events say only which one remained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from analytics.earning.purchases import purchase_save
from analytics.models import Sale
from integrations.drain import drain as drains
from integrations.drain.reading import read
from integrations.models import SyncGap
from integrations.sync import session
from integrations.tests.sync_world import gaps, known_deals, our_history, sync
from integrations.tests.world import bodies, deliver, drain_all, take_over
from leads.models import Lead, UserAccount
from leads.news import WON_STATUS_ID
from leads.tests.world import response
from sandbox import Server, seed_bulk

AIDA = "+77011111111"


def merged() -> set[tuple[int, str]]:
    """(the deal that is gone, into which it went), each once."""
    found = list(SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after"))
    assert len(found) == len(set(found))
    return set(found)


def paid() -> list[int | None]:
    sales = Sale.objects.filter(status="paid").order_by("amocrm_deal_id")
    return list(sales.values_list("amocrm_deal_id", flat=True))


@pytest.mark.parametrize("is_known_by_phone", [False, True])
def test_of_merges_of_two_clients_each_deal_follows_its_own(
    connected: UserAccount, crm: Server, is_known_by_phone: bool
) -> None:
    """A client is known by a contact without a phone, or by a phone that two contacts have."""
    demo = crm.crm.demo
    pairs = []
    for phone in (AIDA, "+77022222222"):
        nameless = {"contact_ids": [demo.contacts.create("no phone").id]}
        alike: dict[str, Any] = {"phone": phone} if is_known_by_phone else nameless
        survivor, gone = (demo.deals.create(name, price=100, **alike) for name in ("survivor", "gone"))
        assert (survivor.contact_ids != gone.contact_ids) == is_known_by_phone
        demo.deals.win(gone.id)
        pairs.append((survivor, gone))
    sync(connected)
    crm.crm.clock.advance(30)
    for survivor, gone in pairs:
        demo.deals.win(survivor.id, silent=True)
        demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    assert merged() == {(gone.id, f"deal {survivor.id}") for survivor, gone in pairs}
    assert paid() == sorted(survivor.id for survivor, _gone in pairs)


@pytest.mark.parametrize("is_one_deleted", [False, True])
def test_of_strangers_that_went_into_several_deals_nobody_guesses_which_went_into_which(
    connected: UserAccount, crm: Server, is_one_deleted: bool
) -> None:
    demo = crm.crm.demo
    one, gone_one, two, gone_two = (demo.deals.create(name, price=100) for name in "abcd")
    for gone in (gone_one, gone_two):
        demo.deals.win(gone.id)
    sync(connected)
    assert paid() == [gone_one.id, gone_two.id]
    crm.crm.clock.advance(30)
    demo.deals.merge(one.id, gone_one.id, silent=True)
    demo.deals.merge(two.id, gone_two.id, silent=True)
    if is_one_deleted:
        demo.deals.delete(two.id, silent=True)
    assert sync(connected).state == "done"
    assert merged() == {(gone_one.id, ""), (gone_two.id, "")}
    known = known_deals(connected)
    for gone in (gone_one, gone_two):
        assert known[gone.id].is_deleted
        assert known[gone.id].match_detail == "Merged into another deal, which amoCRM does not name."
    assert paid() == []
    assert sync(connected).state == "done"
    assert len(merged()) == 2


def test_a_deal_in_the_bin_is_not_taken_for_one_that_was_merged(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    survivor = demo.deals.create("survivor", price=1, phone=AIDA)
    gone, binned = (demo.deals.create(name, contact_ids=survivor.contact_ids) for name in ("gone", "binned"))
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    demo.deals.delete(binned.id, silent=True)
    assert sync(connected).state == "done"
    assert merged() == {(gone.id, f"deal {survivor.id}")}
    assert "Merged" not in known_deals(connected)[binned.id].match_detail


def test_a_deal_that_left_the_bin_long_ago_is_not_taken_for_one_that_was_merged(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    survivor = demo.deals.create("survivor", price=1, phone=AIDA)
    gone, lost = (demo.deals.create(name, contact_ids=survivor.contact_ids) for name in ("gone", "lost"))
    sync(connected)
    demo.deals.delete(lost.id, silent=True)
    sync(connected)
    del demo.deals.by_id[lost.id]  # as amoCRM empties it
    Lead.objects.filter(amocrm_lead_id=lost.id).update(updated_at=timezone.now() - timedelta(days=30))
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    assert merged() == {(gone.id, f"deal {survivor.id}")}


def test_a_deal_that_a_hook_called_deleted_is_followed_into_the_one_that_remained(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", price=700, phone=AIDA)
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    crm.crm.clock.advance(30)
    crm.crm.hook_faults.lose_all = False
    crm.crm.switches.merge_sends_delete = True
    demo.deals.win(survivor.id, silent=True)
    demo.deals.merge(survivor.id, gone.id)
    take_over(connected, crm)
    drain_all(connected)
    assert known_deals(connected)[gone.id].is_deleted
    assert sync(connected).state == "done"
    assert merged() == {(gone.id, f"deal {survivor.id}")}
    assert paid() == [survivor.id]


def test_a_deal_that_changed_in_the_second_of_the_merge_is_followed(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", price=700, phone=AIDA)
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids)
    sync(connected)
    crm.crm.clock.advance(30)
    second = demo.deals.merge(survivor.id, gone.id, silent=True).updated_at
    Lead.objects.filter(amocrm_lead_id=gone.id).update(amocrm_updated_at=datetime.fromtimestamp(second, UTC))
    assert sync(connected).state == "done"
    assert merged() == {(gone.id, f"deal {survivor.id}")}


def test_the_deal_that_remained_is_known_by_the_phones_of_the_one_that_is_gone(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", phone=AIDA)
    survivor = demo.deals.create("survivor", phone="+77022222222")
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    known = known_deals(connected)
    assert known[survivor.id].contact_phones == ["+77022222222", AIDA]
    assert (known[gone.id].contact_phones, known[gone.id].origin_lead) == ([], known[survivor.id])


def test_a_win_that_went_into_an_open_deal_is_no_sale_until_that_is_won(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    gone = demo.deals.create("gone", price=700, phone=AIDA)
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    sale = Sale.objects.get()
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    assert (Sale.objects.get().amocrm_deal_id, paid()) == (survivor.id, [])
    crm.crm.clock.advance(30)
    demo.deals.win(survivor.id, silent=True)
    sync(connected)
    assert (Sale.objects.get(), paid()) == (sale, [survivor.id])


def test_the_stages_of_the_deal_that_is_gone_are_in_the_history_of_the_one_that_remained(
    connected: UserAccount, crm: Server
) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages]
    gone = demo.deals.create("gone", phone=AIDA, status_id=stages[1])
    crm.crm.clock.advance(60)
    demo.deals.move(gone.id, stages[2])
    crm.crm.clock.advance(60)
    survivor = demo.deals.create("survivor", contact_ids=gone.contact_ids, status_id=stages[3])
    sync(connected)
    went = our_history(connected, gone.id) + our_history(connected, survivor.id)
    assert [stage for _second, stage in went] == stages[1:4]
    crm.crm.clock.advance(60)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    assert (our_history(connected, survivor.id), our_history(connected, gone.id)) == (went, [])


def test_a_deal_that_an_ad_brought_keeps_its_ad_whatever_goes_into_it(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    ads = [response(connected, phone, name=phone) for phone in (AIDA, "+77022222222")]
    gone, survivor = (demo.deals.create("deal", phone=ad.phone) for ad in ads)
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    known = known_deals(connected)
    assert [known[gone.id], known[survivor.id]] == ads


def test_a_merged_deal_is_followed_by_response_history_and_sale(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    ad = response(connected, "+77011111111", name="Aida")
    old = demo.deals.create("old", price=700, phone="+77011111111")
    survivor = demo.deals.create("new", price=0, contact_ids=[old.contact_ids[0]])
    crm.crm.clock.advance(10)
    demo.deals.win(old.id)
    sync(connected)
    ad.refresh_from_db()
    assert ad.amocrm_lead_id == old.id
    sale = Sale.objects.get(amocrm_deal_id=old.id)
    crm.crm.clock.advance(30)
    demo.deals.win(survivor.id, silent=True)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, old.id, silent=True)
    Sale.objects.filter(amocrm_deal_id=survivor.id).delete()
    run = sync(connected)
    assert run.state == "done", run.detail
    ad.refresh_from_db()
    assert (ad.amocrm_lead_id, ad.is_deleted) == (survivor.id, False)
    gone = known_deals(connected)[old.id]
    assert gone.is_deleted
    assert str(survivor.id) in gone.match_detail
    assert (old.id, "merged") in gaps(connected)
    paid = Sale.objects.filter(status="paid")
    assert [one.amocrm_deal_id for one in paid] == [survivor.id]
    assert Sale.objects.filter(pk=sale.pk).exists()
    assert sync(connected).updated == 0


def test_a_merge_that_is_followed_while_a_drain_reads_leaves_one_sale(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, clock = crm.crm.demo, crm.crm.clock
    gone = demo.deals.create("old", price=700, phone="+77011111111")
    survivor = demo.deals.create("new", price=0, contact_ids=gone.contact_ids)
    demo.deals.win(gone.id)
    sync(connected)
    clock.advance(60)
    crm.crm.hook_faults.lose_all = False
    demo.deals.set_price(gone.id, 800)
    crm.crm.hook_faults.lose_all = True
    take_over(connected, crm)
    clock.advance(60)
    demo.deals.win(survivor.id, silent=True)

    def read_then_merged(*given: Any) -> Any:
        monkeypatch.undo()
        readings = read(*given)
        demo.deals.merge(survivor.id, gone.id, silent=True)
        clock.advance(60)
        sync(connected)
        return readings

    monkeypatch.setattr(drains, "read", read_then_merged)
    drain_all(connected)
    clock.advance(3600)
    sync(connected)
    assert [sale.amocrm_deal_id for sale in Sale.objects.filter(status="paid")] == [survivor.id]


def test_a_purchase_by_hand_follows_the_deal_that_remained(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    old = demo.deals.create("old", price=700, phone="+77011111111")
    survivor = demo.deals.create("new", price=0, contact_ids=old.contact_ids)
    sync(connected)
    purchase = purchase_save(
        Sale(
            user_account=connected,
            lead=known_deals(connected)[old.id],
            amount=Decimal(500),
            currency=connected.currency,
            sold_at=timezone.now(),
        )
    )
    crm.crm.clock.advance(60)
    demo.deals.merge(survivor.id, old.id, silent=True)
    sync(connected)
    assert known_deals(connected)[old.id].is_deleted
    purchase.refresh_from_db()
    assert purchase.lead == known_deals(connected)[survivor.id]


def test_of_two_merges_of_one_client_each_deal_follows_its_own(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    stages = [stage.id for stage in demo.pipelines.main.stages]
    first, gone_first = demo.deals.create("a", phone="+77011111111"), demo.deals.create("b", phone="+77022222222")
    second, gone_second = (demo.deals.create(name, contact_ids=first.contact_ids) for name in "cd")
    demo.deals.link(gone_first.id, first.contact_ids[0], main=True)
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.win(first.id, silent=True)
    demo.deals.merge(first.id, gone_first.id, silent=True)
    crm.crm.clock.advance(30)
    crm.crm.courier.clear()
    demo.deals.move(gone_second.id, stages[4])
    for body in bodies(crm):
        deliver(connected, body)
    drain_all(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(second.id, gone_second.id, silent=True)
    assert sync(connected).state == "done"
    merged = SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after")
    assert set(merged) == {(gone_first.id, f"deal {first.id}"), (gone_second.id, f"deal {second.id}")}
    known = known_deals(connected)
    assert known[first.id].current_status_id == WON_STATUS_ID
    assert known[second.id].current_status_id == demo.deals.by_id[second.id].status_id


def test_a_merge_of_strangers_is_found_by_looking_through_all(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    one, other, third = (demo.deals.create(name, phone=f"+7701222333{n}") for n, name in enumerate("abc"))
    sync(connected)
    crm.crm.clock.advance(30)
    demo.deals.merge(one.id, other.id, silent=True)
    assert sync(connected).state == "done"
    assert SyncGap.objects.get(what="merged").after == f"deal {one.id}"
    assert Lead.objects.get(amocrm_lead_id=other.id).is_deleted
    assert not Lead.objects.get(amocrm_lead_id=third.id).is_deleted


@pytest.mark.parametrize("seconds", [0, 5])
def test_of_several_deals_that_went_into_one_none_is_missed(connected: UserAccount, crm: Server, seconds: int) -> None:
    demo = crm.crm.demo
    survivor = demo.deals.create("survivor", phone="+77011111111")
    related = demo.deals.create("related", contact_ids=survivor.contact_ids)
    strangers = [demo.deals.create("stranger") for _deal in range(2)]
    bystander = demo.deals.create("bystander")
    sync(connected)
    crm.crm.clock.advance(30)
    for gone in (related, *strangers):
        demo.deals.merge(survivor.id, gone.id, silent=True)
        crm.crm.clock.advance(seconds)
    assert sync(connected).state == "done"
    merged = SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after")
    assert set(merged) == {(gone.id, f"deal {survivor.id}") for gone in (related, *strangers)}
    assert not known_deals(connected)[bystander.id].is_deleted


def test_a_chain_of_merges_of_strangers_ends_in_the_last_deal(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    first, second, last = (demo.deals.create(name, price=700) for name in "abc")
    demo.deals.win(first.id)
    sync(connected)
    for survivor, gone in ((second, first), (last, second)):
        crm.crm.clock.advance(30)
        demo.deals.merge(survivor.id, gone.id, silent=True)
    demo.deals.win(last.id, silent=True)
    assert sync(connected).state == "done"
    merged = SyncGap.objects.filter(what="merged").values_list("amocrm_lead_id", "after")
    assert set(merged) == {(gone.id, f"deal {last.id}") for gone in (first, second)}
    assert [sale.amocrm_deal_id for sale in Sale.objects.filter(status="paid")] == [last.id]


def test_a_merge_of_a_deal_that_we_never_met_is_looked_for_once(connected: UserAccount, crm: Server) -> None:
    demo = crm.crm.demo
    seed_bulk(demo, 600)
    survivor = demo.deals.create("survivor")
    sync(connected)
    crm.crm.clock.advance(30)
    gone = demo.deals.create("gone", silent=True)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    assert sync(connected).state == "done"
    made = len(crm.crm.requests)
    assert sync(connected).state == "done"
    assert len(crm.crm.requests) - made <= 5


def test_a_merge_into_a_deal_that_was_deleted_before_we_met_it_holds_nothing_up(
    connected: UserAccount, crm: Server
) -> None:
    crm.crm.switches.deleted_lead_read = 200
    demo = crm.crm.demo
    gone = demo.deals.create("old", price=700, phone="+77011111111")
    sync(connected)
    crm.crm.clock.advance(30)
    survivor = demo.deals.create("new", contact_ids=gone.contact_ids, silent=True)
    crm.crm.clock.advance(30)
    demo.deals.merge(survivor.id, gone.id, silent=True)
    crm.crm.clock.advance(30)
    demo.deals.delete(survivor.id, silent=True)
    assert sync(connected).state == "done"
    known = known_deals(connected)
    assert known.keys() == {gone.id}
    assert known[gone.id].is_deleted
    assert known[gone.id].match_detail == f"Merged into deal {survivor.id}."
    assert SyncGap.objects.get(what="merged").after == f"deal {survivor.id}"


def test_merges_are_followed_in_one_reading_of_the_events_however_long_that_took(
    connected: UserAccount, crm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the turn to end after each, all events would be read again for the next."""
    demo = crm.crm.demo
    contacts = [demo.contacts.create("no phone").id for _ in range(3)]
    pairs = [[demo.deals.create(name, contact_ids=[contact]) for name in ("survivor", "gone")] for contact in contacts]
    sync(connected)
    crm.crm.clock.advance(30)
    for survivor, gone in pairs:
        demo.deals.merge(survivor.id, gone.id, silent=True)
    monkeypatch.setattr(session, "TURN_SECONDS", 0.0)
    known = len(crm.crm.journal.requests)
    assert sync(connected).state == "done"
    assert merged() == {(gone.id, f"deal {survivor.id}") for survivor, gone in pairs}
    assert sum("entity_merged" in seen.path for seen in crm.crm.journal.requests[known:]) == 1
