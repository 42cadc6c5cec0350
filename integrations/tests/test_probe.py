"""`GET …/test` of each hook: alive for anybody, the account's own facts for who has its signed address."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from analytics.models import Targetologist
from integrations.connecting.pipelines import pipelines_sync
from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, Hook
from leads.models import UserAccount

ADDRESSES = {
    Hook.AMOCRM: "/webhooks/amocrm",
    Hook.TRAFFIC: "/webhook/amocrm/traffic",
    Hook.REFERRAL: "/webhook/amocrm/referral",
}
OWN_FACTS = {Hook.AMOCRM: set(), Hook.TRAFFIC: {"pipeline", "targetologists"}, Hook.REFERRAL: {"pipeline"}}


@pytest.fixture
def agency(connected: UserAccount) -> UserAccount:
    """With the pipelines of its amoCRM and two targetologists."""
    pipelines_sync(AmoCRMConnection.objects.select_related("user_account").get(user_account=connected))
    for name in ("Aida", "Bolat"):
        Targetologist.objects.create(user_account=connected, name=name)
    return connected


def ask(hook: Hook, **query: str) -> dict[str, Any]:
    answer: dict[str, Any] = Client().get(f"{ADDRESSES[hook]}/test", query).json()
    return answer


def signed(account: UserAccount, hook: Hook) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(hook_url(account, hook)).query).items()}


@pytest.mark.parametrize("hook", Hook)
def test_who_has_the_address_is_told_the_accounts_pipeline_and_targetologists(agency: UserAccount, hook: Hook) -> None:
    answer = ask(hook, **signed(agency, hook))
    assert (answer["success"], answer["endpoint"]) == (True, ADDRESSES[hook])
    told = {name: answer[name] for name in OWN_FACTS[hook]}
    facts = {
        "pipeline": {"pipeline_id": 7000001, "pipeline_name": "Продажи"},
        "targetologists": ["Aida", "Bolat"],
    }
    assert told == {name: facts[name] for name in OWN_FACTS[hook]}


@pytest.mark.parametrize("hook", Hook)
@pytest.mark.parametrize("query", [{}, {"user_id": "nobody"}, {"user_id": "", "sig": "1-0"}, {"sig": "x"}])
def test_others_are_told_that_it_is_alive_and_nothing_else(
    agency: UserAccount, hook: Hook, query: dict[str, str]
) -> None:
    answer = ask(hook, **query)
    assert answer["success"] is True
    assert [answer[name] for name in OWN_FACTS[hook]] == [None] * len(OWN_FACTS[hook])


def test_a_forged_a_retired_and_another_hooks_signature_tell_nothing(agency: UserAccount) -> None:
    good = signed(agency, Hook.TRAFFIC)
    assert ask(Hook.TRAFFIC, **good | {"sig": "1-" + "0" * 64})["pipeline"] is None
    assert ask(Hook.REFERRAL, **good)["pipeline"] is None
    UserAccount.objects.update(hook_key_version=2, hook_key_oldest=2)
    assert ask(Hook.TRAFFIC, **good)["pipeline"] is None


def test_before_pipelines_were_read_there_is_none(connected: UserAccount) -> None:
    answer = ask(Hook.TRAFFIC, **signed(connected, Hook.TRAFFIC))
    assert (answer["pipeline"], answer["targetologists"]) == (None, [])


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_looked_at(db: None, method: str) -> None:
    answer = getattr(Client(), method)("/webhooks/amocrm/test")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["detail"]


def test_a_person_is_answered_in_one_language(db: None) -> None:
    answer = Client().get("/webhooks/amocrm/test", headers={"accept-language": "ru"}).json()
    assert answer["message"] == "Вебхук /webhooks/amocrm готов."
