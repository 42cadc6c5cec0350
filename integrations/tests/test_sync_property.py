"""Any mix of told and untold changes, then one sync: leads, history and deletions are the CRM's, and the ledger names
exactly the changes that no hook told of. A second run changes nothing and costs a page of each list."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from integrations.models import SyncGap, SyncRun, WebhookLog
from integrations.sync import runs
from integrations.sync.runner import work
from integrations.tests.killing import Killed, killed_at
from integrations.tests.sync_world import gaps, known_deals, our_history, sync, their_history
from integrations.tests.test_laws import PHONES
from integrations.tests.world import bodies, deliver, drain_all, make_due, ours, truth
from leads.models import UserAccount
from leads.tests.world import whole_state
from sandbox import Server


class Life:
    """What happens in the CRM, each change some seconds after the one before, told by hooks or not."""

    def __init__(self, chance: random.Random, server: Server) -> None:
        self.chance = chance
        self.server = server
        self.demo = server.crm.demo
        self.stages = [stage.id for stage in self.demo.pipelines.main.stages[1:]]
        self.untold_moves: list[tuple[int, int]] = []

    def go_on(self, changes: int, *, silent_share: float) -> None:
        for _change in range(changes):
            self.server.crm.clock.advance(self.chance.randint(2, 40))
            self._change(silent=self.chance.random() < silent_share)

    def _change(self, *, silent: bool) -> None:
        deals = self.demo.deals
        alive = [deal.id for deal in deals.by_id.values() if not deal.is_deleted]
        binned = [deal.id for deal in deals.by_id.values() if deal.is_deleted]
        kind = self.chance.choice(["create", "move", "move", "move", "price", "delete", "restore", "utm"])
        if kind == "create" or not alive:
            phone = self.chance.choice([*PHONES, None])
            deals.create("deal", price=self.chance.randint(0, 9) * 100, phone=phone, silent=silent)
        elif kind == "move":
            deal = deals.by_id[self.chance.choice(alive)]
            stage = self.chance.choice([stage for stage in self.stages if stage != deal.status_id])
            deals.move(deal.id, stage, silent=silent)
            if silent:
                self.untold_moves.append((deal.id, deal.updated_at))
        elif kind == "price":
            deals.set_price(self.chance.choice(alive), self.chance.randint(1, 99) * 100, silent=silent)
        elif kind == "delete":
            deals.delete(self.chance.choice(alive), silent=silent)
        elif kind == "restore" and binned:
            deals.restore(self.chance.choice(binned), silent=silent)
        elif kind == "utm":
            values: dict[str | int, str] = {"UTM_SOURCE": self.chance.choice(["ig", "fb", "ref_a"])}
            deals.set_fields(self.chance.choice(alive), values, silent=silent)


def take_over(account: UserAccount, server: Server, chance: random.Random) -> None:
    told = bodies(server)
    server.crm.courier.clear()
    chance.shuffle(told)
    # Received by the CRM's clock, which runs an hour behind so that the tests can put it forward.
    now = datetime.fromtimestamp(server.crm.clock.now(), UTC)
    keys = [deliver(account, body) for body in told + told[:2]]
    WebhookLog.objects.filter(pk__in=keys).update(received_at=now)


def net_differences(account: UserAccount, life: Life) -> Counter[tuple[int, str]]:
    """What of the leads is not as in the CRM, before a sync; stages are told by events, one by one."""
    found: Counter[tuple[int, str]] = Counter()
    known = known_deals(account)
    for deal in life.demo.deals.by_id.values():
        lead = known.get(deal.id)
        if lead is None:
            if not deal.is_deleted:
                found[deal.id, "created"] += 1
            continue
        if lead.is_deleted != deal.is_deleted:
            found[deal.id, "deleted" if deal.is_deleted else "restored"] += 1
        if deal.is_deleted:
            continue
        if lead.price != deal.price:
            found[deal.id, "price"] += 1
        field = next(field for field in life.demo.deals.fields.by_id.values() if field.code == "UTM_SOURCE")
        source = str(deal.values.get(field.id, [{"value": ""}])[0]["value"])
        if source and source != lead.deal_utm.get("source", ""):
            found[deal.id, "utm"] += 1
    return found


def is_whole(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> bool:
    """A deal without any event is known from when it was first told of."""
    return ours == theirs or (len(ours) == len(theirs) == 1 and ours[0][1] == theirs[0][1])


@pytest.fixture
def crm(crm: Server) -> Server:
    """An hour behind: there is time for a life."""
    crm.crm.clock.advance(-3600)
    return crm


@pytest.mark.parametrize("seed", range(12))
def test_one_sync_makes_whole_and_names_what_was_not_told(connected: UserAccount, crm: Server, seed: int) -> None:
    chance = random.Random(seed)
    crm.crm.demo.profile.is_api_filter_enabled = chance.random() < 0.5
    crm.crm.switches.deleted_lead_read = chance.choice([200, 204])
    life = Life(chance, crm)
    life.go_on(chance.randint(3, 12), silent_share=1.0)
    assert sync(connected).state == "done"
    assert gaps(connected) == []
    life.untold_moves.clear()

    for _round in range(chance.randint(1, 3)):
        life.go_on(chance.randint(2, 10), silent_share=chance.choice([0.0, 0.4, 1.0]))
        take_over(connected, crm, chance)
        drain_all(connected)
    expected = net_differences(connected, life)
    run = sync(connected)
    assert run.state == "done", run.detail
    assert ours(connected) == truth(crm.crm.demo)
    known = known_deals(connected)
    expected += Counter((deal_id, "stage") for deal_id, _at in life.untold_moves if deal_id in known)
    assert Counter(gaps(connected)) == expected
    assert run.drift_count == expected.total()
    moves = SyncGap.objects.filter(what="stage").values_list("amocrm_lead_id", "changed_at")
    assert {(deal_id, int(at.timestamp())) for deal_id, at in moves} == {
        move for move in life.untold_moves if move[0] in known
    }
    for deal_id, lead in known.items():
        if not lead.is_deleted:
            assert is_whole(our_history(connected, deal_id), their_history(crm.crm.demo, deal_id))

    before, made = whole_state(connected), len(crm.crm.requests)
    again = sync(connected)
    assert (again.state, again.updated, again.drift_count) == ("done", 0, 0)
    assert whole_state(connected) == before
    assert len(crm.crm.requests) - made <= 5


@pytest.mark.parametrize("seed", range(6))
def test_a_run_killed_anywhere_goes_on_and_ends_the_same(connected: UserAccount, crm: Server, seed: int) -> None:
    chance = random.Random(seed)
    life = Life(chance, crm)
    life.go_on(8, silent_share=1.0)
    _sync_with_kills(connected, chance)
    life.untold_moves.clear()
    life.go_on(12, silent_share=1.0)
    expected = net_differences(connected, life)
    _sync_with_kills(connected, chance)
    assert ours(connected) == truth(crm.crm.demo)
    known = known_deals(connected)
    expected += Counter((deal_id, "stage") for deal_id, _at in life.untold_moves if deal_id in known)
    assert Counter(gaps(connected)) == expected


def _sync_with_kills(account: UserAccount, chance: random.Random) -> None:
    run = runs.start(account)
    for _kill in range(6):
        with pytest.raises(Killed), killed_at(chance.randint(5, 120)):  # noqa: PT012 - what comes through alive too
            work(run.pk, ring_again=lambda _seconds: None)
            raise Killed  # it came through alive
        make_due(account)
        SyncRun.objects.update(lease_until=None)
    work(run.pk, ring_again=lambda _seconds: None)
    run.refresh_from_db()
    assert run.state == "done", run.detail
