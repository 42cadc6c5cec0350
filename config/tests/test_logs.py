from __future__ import annotations

import logging
import sys

import pytest
from django.conf import settings
from django.test import Client

from config.logs import HIDDEN, Scrubber, logging_config


@pytest.mark.parametrize(
    "text",
    [
        "GET /webhooks/amocrm?user_id=1&sig=deadbeefdeadbeef",
        "POST https://api.telegram.org/bot123456:deadbeefdeadbeef/sendMessage",
        "Authorization: Bearer deadbeefdeadbeef",
        "{'access_token': 'deadbeefdeadbeef'}",
        '"refresh_token": "deadbeefdeadbeef"',
        "/amocrm/callback?code=deadbeefdeadbeef&state=deadbeefdeadbeef",
        "the key is deadbeefdeadbeef, and known",
    ],
)
def test_a_secret_is_taken_out_of_a_line(text: str) -> None:
    cleaned = Scrubber(["deadbeefdeadbeef"] if "known" in text else []).clean(text)
    assert "deadbeef" not in cleaned
    assert HIDDEN in cleaned


def test_what_is_no_secret_stays() -> None:
    text = "GET /leads?phone=77011234567 tokens: 3 state=running"
    assert Scrubber([""]).clean(text) == text


def test_an_event_is_one_line_even_with_a_traceback() -> None:
    formatter_settings = logging_config(["hunter2hunter2"])["formatters"]["line"]
    formatter = formatter_settings.pop("()")(**formatter_settings)
    try:
        raise ValueError("hunter2hunter2")
    except ValueError:
        record = logging.LogRecord("elsewhere", logging.ERROR, "", 1, "failed: %s", ("why",), sys.exc_info())
    line = formatter.format(record)
    assert "\n" not in line
    assert "level=error" in line
    assert 'event="failed: why"' in line
    assert "ValueError" in line
    assert "hunter2" not in line


@pytest.mark.django_db
def test_a_request_is_logged_without_its_query(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="django_structlog"):
        client.get("/no-such-page?sig=deadbeefdeadbeef")
    text = " ".join(str(record.msg) for record in caplog.records)
    assert "/no-such-page" in text
    assert "deadbeef" not in text


def test_known_secrets_are_given_to_the_scrubber() -> None:
    line = settings.LOGGING["formatters"]["line"]["processors"]
    scrubber = next(processor for processor in line if isinstance(processor, Scrubber))
    assert settings.SECRET_KEY not in scrubber.clean(f"key {settings.SECRET_KEY}")
