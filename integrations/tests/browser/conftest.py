"""A real browser for the tests marked `browser`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

# A busy machine may be slow; what never comes is waited for once.
expect.set_options(timeout=30_000)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=CHROMIUM)
        except Error as error:
            if CHROMIUM:
                raise
            pytest.skip(f"no Chromium, on the PATH or of playwright: apt-get install chromium ({error.message[:100]})")
        # Playwright keeps an event loop in this thread, in which Django would refuse the tests' own queries.
        before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        yield launched
        launched.close()
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
        if before is not None:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh tab in which nothing may go wrong on the console: the strict policy's refusals are told there."""
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield page
    context.close()
    assert troubles == []
