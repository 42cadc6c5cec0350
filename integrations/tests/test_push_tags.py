"""A tag on the deal at amoCRM when it becomes qualified, for accounts that want one."""

from __future__ import annotations

import pytest
from django.db import transaction

from integrations.models import AmoCRMConnection, DealTag, Problem, PushSettings
from integrations.push.tagging import accounts_in_need, enqueue_tags, tag_account
from leads.deals.changes import LeadChange
from leads.models import PipelineStage, UserAccount
from leads.tests.world import apply, read
from sandbox import Server

STAGE = 5


@pytest.fixture
def wishes(connected: UserAccount) -> UserAccount:
    PushSettings.objects.create(user_account=connected, qualified_tag="Qualified")
    PipelineStage.objects.create(user_account=connected, pipeline_id=10, status_id=STAGE, is_qualified_stage=True)
    return connected


def qualify(account: UserAccount, *deal_ids: int) -> list[LeadChange]:
    return apply(account, *(read(deal_id, STAGE, 1) for deal_id in deal_ids))


def queue(account: UserAccount, changes: list[LeadChange]) -> int:
    with transaction.atomic():
        return enqueue_tags(account, changes)


def write(account: UserAccount) -> None:
    tag_account(account.pk, ring_again=lambda _seconds: None)


def tags(server: Server, deal_id: int) -> list[str]:
    deals = server.crm.demo.deals
    return [deals.tags.by_id[tag].name for tag in deals[deal_id].tag_ids]


def test_a_deal_gets_the_tag_once_and_keeps_its_own(wishes: UserAccount, amocrm: Server) -> None:
    deal = amocrm.crm.demo.deals.create("A", tags=["mine"])
    assert queue(wishes, qualify(wishes, deal.id)) == 1
    assert queue(wishes, apply(wishes, read(deal.id, 6, 2))) == 0  # was qualified already
    write(wishes)
    assert sorted(tags(amocrm, deal.id)) == ["Qualified", "mine"]
    assert accounts_in_need() == []


def test_tags_of_an_account_that_cannot_be_reached_wake_no_worker(wishes: UserAccount) -> None:
    queue(wishes, qualify(wishes, 1))
    assert accounts_in_need() == [wishes.pk]
    AmoCRMConnection.objects.update(state="disconnected")
    assert accounts_in_need() == []


def test_tags_of_an_account_without_a_connection_are_not_written_by_anothers(
    wishes: UserAccount, amocrm: Server
) -> None:
    deal = amocrm.crm.demo.deals.create("A")
    another = UserAccount.objects.create(name="Bravo")
    DealTag.objects.create(user_account=another, amocrm_lead_id=deal.id, tag="Theirs")
    for account in (wishes, another):
        write(account)
    assert tags(amocrm, deal.id) == []


def test_nobody_gets_a_tag_who_did_not_ask_for_it(wishes: UserAccount, amocrm: Server) -> None:
    PushSettings.objects.all().delete()
    another = UserAccount.objects.create(name="Bravo")
    PushSettings.objects.create(user_account=another, qualified_tag="Theirs")
    deal = amocrm.crm.demo.deals.create("A")
    assert queue(wishes, qualify(wishes, deal.id)) == 0
    PushSettings.objects.create(user_account=wishes, qualified_tag="")
    assert queue(wishes, qualify(wishes, deal.id + 1)) == 0
    assert not DealTag.objects.exists()


def test_many_deals_are_one_request_and_a_deleted_one_stops_nobody(wishes: UserAccount, amocrm: Server) -> None:
    ids = [amocrm.crm.demo.deals.create(f"{number}").id for number in range(6)]
    queue(wishes, qualify(wishes, *ids[:5]))
    before = len(amocrm.crm.requests)
    write(wishes)
    assert len(amocrm.crm.requests) == before + 1
    lost = amocrm.crm.demo.deals.create("lost")
    queue(wishes, qualify(wishes, lost.id, ids[5]))
    amocrm.crm.demo.deals.delete(lost.id)
    write(wishes)
    assert tags(amocrm, ids[5]) == ["Qualified"]
    assert list(DealTag.objects.filter(state="failed").values_list("amocrm_lead_id", flat=True)) == [lost.id]


def test_an_outage_keeps_the_tag_waiting(wishes: UserAccount, amocrm: Server) -> None:
    deal = amocrm.crm.demo.deals.create("A")
    queue(wishes, qualify(wishes, deal.id))
    fault = amocrm.crm.faults.outage(prefix="/api/v4/leads")
    write(wishes)
    assert AmoCRMConnection.objects.get().problem_code == Problem.OUTAGE
    amocrm.crm.faults.lift(fault)
    AmoCRMConnection.objects.update(next_attempt_at=None)
    assert accounts_in_need() == [wishes.pk]
    write(wishes)
    assert tags(amocrm, deal.id) == ["Qualified"]


def test_a_problem_stands_until_amocrm_has_answered(wishes: UserAccount) -> None:
    AmoCRMConnection.objects.update(problem_code=Problem.OUTAGE, failures=5)
    write(wishes)  # a second ring: the first has found all there was
    assert AmoCRMConnection.objects.get().problem_code == Problem.OUTAGE
