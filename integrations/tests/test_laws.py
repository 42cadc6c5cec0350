"""Laws 2 and 3: any multiset of deliveries in any order, with the drain killed between any two steps, ends the same.

A killed drain does not even give its lease back. The lease then lapses, and the next drain goes on.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.models import AmoCRMConnection
from integrations.tests.killing import drain_until_killed
from integrations.tests.world import EVENTS, bodies, connect, deliver, drain_all, ours, statuses, truth
from leads.models import Lead, LeadStatusHistory, UserAccount
from leads.tests.world import response, whole_state
from sandbox import CrmAccount, Sandbox, Server

PHONES = ("+77011111111", "+77022222222", "+77033333333")
# The same people, as somebody else types them.
SPELT = (*PHONES, "8 (701) 111-11-11", "7022222222", "+7 703 333 33 33")
UTMS: tuple[dict[str, str], ...] = (
    {},
    {"source": "ig", "content": "ad"},
    {"source": "fb", "campaign": "spring"},
    {"campaign": "summer"},
)


def live_through(chance: random.Random, crm: Sandbox, demo: CrmAccount) -> None:
    """Some deals with shared phones go through two pipelines, change price and UTM, are deleted and restored; clients
    come back, and get phones later."""
    stages = [(pipeline.id, stage.id) for pipeline in demo.pipelines.by_id.values() for stage in pipeline.stages[1:]]
    ids = []
    clients: list[int] = []
    for _deal in range(chance.randint(1, 4)):
        crm.clock.advance(chance.randint(1, 50))
        if not clients or chance.random() < 0.7:
            phones = chance.sample(SPELT, chance.randint(0, 2))
            clients.append(demo.contacts.create("client", phone=phones or None).id)
        linked = chance.sample(clients, min(len(clients), chance.choice([0, 1, 1, 2])))
        ids.append(demo.deals.create("deal", price=10, contact_ids=linked, utm=chance.choice(UTMS)).id)
    for _change in range(chance.randint(0, 10)):
        crm.clock.advance(chance.choice([0, 0, 1, 30]))
        deal_id = chance.choice(ids)
        is_deleted = demo.deals.by_id[deal_id].is_deleted
        match chance.randint(0, 7):
            case 0:
                demo.contacts.add_phone(chance.choice(clients), chance.choice(SPELT))
            case 1:
                (demo.deals.restore if is_deleted else demo.deals.delete)(deal_id)
            case 2 if not is_deleted:
                demo.deals.set_price(deal_id, chance.randint(1, 9) * 100)
            case 3 if not is_deleted:
                demo.deals.set_fields(deal_id, {"UTM_SOURCE": chance.choice(["ig", "fb", "ref_a"])})
            case _ if not is_deleted:
                pipeline_id, stage_id = chance.choice(stages)
                demo.deals.move(deal_id, stage_id, pipeline_id)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), number=st.integers(1, 10**9))
def test_any_order_repetition_and_crash_gives_the_crms_own_state(
    transactional_db: None, amocrm: Server, chance: random.Random, number: int
) -> None:
    amocrm.crm.hook_faults.lose_all = True
    amocrm.crm.switches.deleted_lead_read = chance.choice([200, 204])
    demo = amocrm.crm.add_account(f"account{number}-{len(amocrm.crm.accounts)}")
    demo.pipelines.add("Клиника", ["Новая", "В работе", "Записан", "Пришёл"])
    demo.pipelines.add("Школа", ["Заявка", "Урок"])
    demo.profile.is_api_filter_enabled = chance.random() < 0.5
    demo.subscribe("http://127.0.0.1:9/", EVENTS)
    live_through(chance, amocrm.crm, demo)
    told = [delivery.body for delivery in amocrm.crm.courier.deliveries if delivery.account_id == demo.id]
    owned = [chance.choice(PHONES) for _ in range(chance.randint(0, 3))]

    def end_of(order: list[str], kills: int) -> Any:
        AmoCRMConnection.objects.all().delete()
        account = UserAccount.objects.create(name="Alfa")
        connect(account, amocrm, demo)
        for index, phone in enumerate(owned):
            response(account, phone, name=f"response {index}")
        waiting = list(order)
        while waiting:
            size = chance.randint(1, len(waiting))
            for body in waiting[:size]:
                deliver(account, body)
            del waiting[:size]
            if kills:
                kills -= 1
                drain_until_killed(account, step=chance.randint(1, 40))
            drain_all(account)
        assert set(statuses(account)) <= {"success"}
        assert ours(account) == truth(demo)
        return whole_state(account)

    calm = end_of(told, kills=0)
    shuffled = told + chance.choices(told, k=len(told) // 2)
    chance.shuffle(shuffled)
    assert end_of(shuffled, kills=3) == calm


def test_history_of_a_killed_and_replayed_drain_has_no_doubles(connected: UserAccount, amocrm: Server) -> None:
    amocrm.crm.hook_faults.lose_all = True
    demo = amocrm.crm.demo
    demo.subscribe("http://127.0.0.1:9/", EVENTS)
    now = demo.clock.now()
    deal = demo.deals.create("deal", phone="+77011111111", created_at=now - 100)
    for index, stage in enumerate(demo.pipelines.main.stages[2:6]):
        demo.deals.move(deal.id, stage.id, at=now - 90 + index)
    told = bodies(amocrm)
    for step in range(1, 60, 2):
        for body in told:
            deliver(connected, body)
        drain_until_killed(connected, step)
    drain_all(connected)
    assert set(statuses(connected)) == {"success"}
    assert Lead.objects.count() == 1
    assert LeadStatusHistory.objects.count() == 5
