from __future__ import annotations

import logging
import re
import sys

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from config.logs import HIDDEN, PHONE, Scrubber, logging_config


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


@pytest.mark.parametrize(
    "text",
    [
        "GET /leads tokens: 3 state=running",
        "2026-11-21T12:16:15.423340Z took 0.12345678901234 s at 127.0.0.1:8000",
        "account=91622037-1776-4676-8234-123456789012 delivery=12345678 deal=26000001",
        "Listening at: http://0.0.0.0:8000 (123456) and 10.0.0.12:24500 (1234567)",
        'File "x.py", line 123 in <module> at 0x7fa3a8448190123',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Scrubber([""]).clean(text) == text


@pytest.mark.parametrize(
    "phone",
    [
        *("+77011234567", "8 (701) 123-45-67", "77011234567@s.whatsapp.net", "+1 (415) 555-26-71", "7011234567"),
        *("%2B77011234567", "8%20701%20123%2045%2067", "+7-701-123-45-67", "+7\u2011701\u2011123\u201145\u201167"),
    ],
)
@pytest.mark.parametrize("text", ["GET /leads?phone={}", "no lead has {}: refused", "{{'phone': '{}'}}", "7:{}", "{}"])
def test_a_phone_is_taken_out_of_a_line(text: str, phone: str) -> None:
    cleaned = Scrubber().clean(text.format(phone))
    assert PHONE in cleaned
    assert not re.search(r"\d{2}", cleaned.replace("%20", ""))


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


def test_what_a_visitor_writes_ends_no_line_and_moves_no_cursor() -> None:
    formatter_settings = logging_config([])["formatters"]["line"]
    formatter = formatter_settings.pop("()")(**formatter_settings)
    path = "/x\n\r\x1b[31m\x00\x85\u2028here"
    line = formatter.format(logging.LogRecord("elsewhere", logging.WARNING, "", 1, path, (), None))
    assert r"/x\n\r\x1b[31m\x00\x85\u2028here" in line
    assert line.isprintable()


@pytest.mark.django_db
def test_a_visitor_does_not_choose_the_address_that_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    def logged() -> str:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="django_structlog"):
            client.get("/no-such-page", headers={"x-forwarded-for": "9.9.9.9, 8.8.8.8", "x-real-ip": "7.7.7.7"})
        return " ".join(str(record.msg) for record in caplog.records)

    assert "'ip': '127.0.0.1'" in logged()
    settings.TRUSTED_PROXIES = 1
    assert "'ip': '8.8.8.8'" in logged()


def test_known_secrets_are_given_to_the_scrubber() -> None:
    line = settings.LOGGING["formatters"]["line"]["processors"]
    scrubber = next(processor for processor in line if isinstance(processor, Scrubber))
    assert settings.SECRET_KEY not in scrubber.clean(f"key {settings.SECRET_KEY}")
