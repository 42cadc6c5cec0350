"""From a figure down to what amoCRM sent, by clicking; and rows that are wrong, before any of them is stored."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from analytics.models import AdSpend
from integrations.models import Hook, WebhookLog
from integrations.tests.browser.signing import sign_in
from leads.models import Creative, Lead, LeadStatusHistory
from leads.tests.cast import make_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_roi_cell_opens_down_to_the_raw_body_in_four_clicks(tab: Page, live_server: LiveServer) -> None:
    cast = make_cast()
    body = {"leads": {"status": [{"id": "4711", "status_id": "142"}]}}
    told = WebhookLog.objects.create(
        user_account=cast.alpha, source=Hook.AMOCRM, raw_body=json.dumps(body).encode(), deal_data=body, lead_id=4711
    )
    video = Creative.objects.create(user_account=cast.alpha, name="Video")
    lead = Lead.objects.create(user_account=cast.alpha, name="Dana", amocrm_lead_id=4711, creative=video)
    LeadStatusHistory.objects.create(
        user_account=cast.alpha,
        lead=lead,
        amocrm_lead_id=4711,
        to_pipeline_id=1,
        to_status_id=142,
        changed_at=timezone.now(),
        webhook_data={"delivery_id": told.pk},
    )
    sign_in(tab, live_server, "/app/roi/", "vera@example.com")
    tab.get_by_role("row", name="Video").get_by_role("link", name="1", exact=True).click()
    tab.get_by_role("link", name="Dana").click()
    tab.get_by_role("link", name=f"delivery {told.pk}").click()
    expect(tab.get_by_text("status_id:")).to_be_visible()
    tab.get_by_text("Raw, as it came").click()
    expect(tab.get_by_text(json.dumps(body)).last).to_be_visible()


def test_spend_with_a_bad_row_is_not_stored_and_the_row_named(browser: Browser, live_server: LiveServer) -> None:
    cast = make_cast()
    tab = browser.new_page(locale="en-US")  # not `tab`: the refusal itself, a 400, is told on the console
    sign_in(tab, live_server, "/app/spend/upload")
    rows = tab.get_by_label("or rows pasted from a spreadsheet")
    rows.fill("day,campaign,amount\n2026-03-01,spring,100\n2026-03-99,spring,100\n")
    tab.locator("main form button[type=submit]").first.click()
    expect(tab.get_by_text("2026-03-99").last).to_be_visible()
    assert not AdSpend.objects.filter(user_account=cast.alpha).exists()
    tab.close()


def test_the_language_is_switched_and_stays(tab: Page, live_server: LiveServer) -> None:
    make_cast()
    sign_in(tab, live_server, "/app/roi/")
    expect(tab.locator("html")).to_have_attribute("lang", "en")
    tab.locator("button[name=language][value=ru]").first.click()
    expect(tab.locator("html")).to_have_attribute("lang", "ru")
    tab.reload()
    expect(tab.locator("html")).to_have_attribute("lang", "ru")
