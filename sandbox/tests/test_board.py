"""The board, used as a person does: in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from sandbox import WON_STATUS_ID, Sandbox, Server

from .conftest import Listener

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER)
        yield browser.new_page(viewport={"width": 1440, "height": 900})
        browser.close()


@pytest.fixture
def page(server: Server, browser_page: Page) -> Page:
    browser_page.goto(server.url)
    expect(browser_page.locator(".column")).to_have_count(7)
    return browser_page


def test_a_card_dragged_to_another_stage_moves_the_deal_and_shows_its_hooks(
    crm: Sandbox, listener: Listener, page: Page
) -> None:
    crm.demo.subscribe(listener.url, ["status_lead", "update_lead"])
    deal = crm.demo.deals.create("Имплант", price=100, phone="8 701", utm={"source": "ig"})
    page.locator(".card").drag_to(page.get_by_role("region", name="Переговоры"))
    expect(page.get_by_role("region", name="Переговоры").locator(".card")).to_contain_text("Имплант")
    assert crm.demo.deals[deal.id].status_id == crm.demo.pipelines.main.stages[2].id
    expect(page.locator("details.hook")).to_have_count(2)
    page.locator("details.hook summary").first.click()
    expect(page.locator("details.hook[open]")).to_contain_text("account")
    expect(page.locator("details.hook .status").first).to_have_text("200")


def test_the_keyboard_moves_a_card_too(crm: Sandbox, page: Page) -> None:
    deal = crm.demo.deals.create("Имплант")
    page.locator(".card").press("ArrowRight")
    expect(page.locator("#said")).to_contain_text("Переговоры")
    assert crm.demo.deals[deal.id].status_id == crm.demo.pipelines.main.stages[2].id


def test_a_deal_is_added_won_deleted_and_restored(crm: Sandbox, page: Page) -> None:
    page.get_by_role("button", name="+ Deal").click()
    page.get_by_label("Name", exact=True).fill("<b>С сайта</b>")
    page.get_by_label("Phone").fill("8 (701) 555-01-42")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".card strong")).to_have_text("<b>С сайта</b>")
    deal = next(iter(crm.demo.deals.by_id.values()))
    assert crm.demo.contacts.phones(deal.contact_ids[0]) == ["8 (701) 555-01-42"]
    page.locator(".card").click()
    page.get_by_role("button", name="Won").click()
    expect(page.get_by_role("region", name="Успешно реализовано").locator(".card")).to_have_count(1)
    assert deal.status_id == WON_STATUS_ID
    page.locator(".card").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(0)
    page.get_by_role("button", name="Restore").click()
    expect(page.locator(".card")).to_have_count(1)
    assert not deal.is_deleted


def test_faults_are_switched_and_messages_shown(crm: Sandbox, page: Page) -> None:
    page.get_by_role("tab", name="Faults").click()
    page.get_by_label("Outage").check()
    expect(page.locator("#faults-count")).to_have_text("1")
    assert [rule.kind for rule in crm.faults.rules] == ["reset"]
    page.get_by_label("Outage").uncheck()
    expect(page.locator("#faults-count")).to_have_text("")
    page.get_by_role("button", name="Lose").click()
    expect(page.get_by_role("button", name="Lose (1)")).to_be_visible()
    assert crm.hook_faults.lose_next == 1
    crm.telegram.send_message("1:x", {"chat_id": 5, "text": "Продажа"})
    page.get_by_role("tab", name="Telegram").click()
    expect(page.locator(".bubble")).to_contain_text("Продажа")


def test_consent_in_the_browser_leads_back_to_the_integration(server: Server, page: Page) -> None:
    back = f"{server.url}/callback"
    page.goto(f"{server.url}/oauth?client_id=sandbox-client&state=abc&mode=popup")
    page.get_by_label("Redirect address").fill(back)
    page.get_by_role("button", name="Allow").click()
    rest = "&referer=demo.amocrm.ru&platform=1&state=abc&client_id=sandbox-client"
    expect(page).to_have_url(re.compile(f"{re.escape(back)}\\?code=[^&]+{re.escape(rest)}"))
