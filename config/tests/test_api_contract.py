"""The API as its own OpenAPI schema describes it, asked at random by everybody: nobody gets a 5xx or an answer that the
schema does not know. A longer run: `API_EXAMPLES=200 pytest config/tests/test_api_contract.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django.live_server_helper import LiveServer
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integrations.tests.admin_world import build
from leads.models import User
from leads.services.accounts import token_create

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("API_EXAMPLES", "1"))
WHO = ("nobody", "vera", "sam", "alice", "root", "bob")
# A 500 is no status that any operation has; a 503 while amoCRM is out of reach is one of some.
CHECKS = (status_code_conformance, content_type_conformance, response_schema_conformance)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def world(settings: Any) -> None:
    # amoCRM and Telegram are out of reach: what needs them has to say so.
    settings.AMOCRM_BASE_URL = settings.TELEGRAM_API_URL = NOWHERE
    build()


def headers(who: str) -> dict[str, str]:
    if who == "nobody":
        return {}
    return {"Authorization": f"Token {token_create(User.objects.get(email=f'{who}@x.kz'))}"}


def operations() -> Iterator[Any]:
    told = Client().get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"}).content
    schema = schemathesis.openapi.from_dict(json.loads(told))
    for found in schema.get_all_operations():
        yield cast("Any", found).ok()


@pytest.mark.parametrize("who", WHO)
def test_the_api_answers_as_its_schema_says(live_server: LiveServer, who: str) -> None:
    troubles: list[str] = []
    for operation in operations():
        try:
            _ask(operation, live_server.url, headers(who))
        except BaseExceptionGroup as group:
            troubles += [f"{operation.label}: {error}" for error in group.exceptions]
        except Exception as error:  # noqa: BLE001
            troubles.append(f"{operation.label}: {type(error).__name__} {error}")
    assert not troubles, "\n\n".join(troubles)


def _ask(operation: Any, url: str, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        response = case.call(base_url=url, headers=headers, timeout=60)
        case.validate_response(response, checks=CHECKS)

    ask()
