"""The pages in a real browser: signing in, a switch that moves without a reload, a search, a page that keeps fresh."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from analytics.models import AdSpend, Sale, SaleStatus, Targetologist
from integrations.models import AmoCRMConnection, ConnectionState, Hook, WebhookLog
from integrations.tests.browser.signing import sign_in
from leads.models import Lead, LeadStatusHistory, PipelineStage, User
from leads.tests.cast import Cast, make_cast
from sandbox import Server

A4_WIDTH = 718  # in CSS pixels, without the margins
TABLET_WIDTH = 768

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    made = make_cast()
    PipelineStage.objects.create(
        user_account=made.alpha, pipeline_id=1, pipeline_name="Sales", status_id=20, status_name="Talks"
    )
    for number, (name, phone) in enumerate((("Dana", "+77011234567"), ("Timur", "+77017654321"))):
        lead = Lead.objects.create(
            user_account=made.alpha,
            name=name,
            phone_e164=phone,
            amocrm_lead_id=number + 1,
            current_pipeline_id=1,
            current_status_id=20,
        )
        LeadStatusHistory.objects.create(
            user_account=made.alpha,
            lead=lead,
            amocrm_lead_id=number + 1,
            to_pipeline_id=1,
            to_status_id=20,
            changed_at=datetime(2026, 3, 10, tzinfo=UTC),
        )
    return made


def test_a_stage_is_marked_without_leaving_the_page(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/stages/")
    switch = tab.get_by_role("switch", name="Talks")
    expect(switch).not_to_be_checked()
    tab.evaluate("window.stillHere = true")
    switch.press("Space")
    expect(switch).to_be_checked()
    expect(tab.get_by_text("2 leads changed.")).to_be_visible()
    assert tab.evaluate("window.stillHere")
    assert Lead.objects.filter(is_qualified=True).count() == 2
    switch.click()
    expect(switch).not_to_be_checked()
    tab.reload()
    expect(switch).not_to_be_checked()


def test_a_viewers_switch_does_not_move(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/stages/", "vera@example.com")
    expect(tab.get_by_role("switch", name="Talks")).to_be_disabled()


def test_a_lead_is_found_by_a_phone_as_people_write_it(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/leads/")
    tab.get_by_label("Phone, deal number or name").fill("8 (701) 123-45-67")
    tab.get_by_role("button", name="Find").click()
    expect(tab.get_by_role("link", name="Dana")).to_be_visible()
    expect(tab.get_by_role("link", name="Timur")).to_have_count(0)
    tab.get_by_role("link", name="Dana").click()
    expect(tab.get_by_role("heading", name="Dana")).to_be_visible()
    assert urlsplit(tab.url).path.startswith("/app/leads/")


def test_going_back_from_a_narrowed_list_finds_filters_that_say_what_is_shown(
    tab: Page, live_server: LiveServer, cast: Cast
) -> None:
    sign_in(tab, live_server, "/app/leads/")
    qualified = tab.locator("[name=qualified]")
    qualified.select_option("yes")
    tab.get_by_role("button", name="Find").click()
    expect(tab.get_by_role("heading", name="Nothing found")).to_be_visible()
    tab.go_back()
    expect(tab.get_by_role("link", name="Dana")).to_be_visible()
    expect(qualified).to_have_value("")


def test_a_new_delivery_appears_by_itself(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/")
    expect(tab.get_by_text("No deliveries yet")).to_be_visible()
    WebhookLog.objects.create(user_account=cast.alpha, source=Hook.AMOCRM, raw_body=b"a=1", lead_id=4711)
    expect(tab.get_by_text("4711")).to_be_visible()


def test_the_chart_says_what_its_table_says(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/")
    canvas = tab.locator("[data-plot] canvas")
    legend = tab.locator(".u-legend")
    expect(legend).to_contain_text("Leads")
    box = canvas.bounding_box()
    assert box
    # Today, the last bar.
    canvas.hover(position={"x": box["width"] - 20, "y": box["height"] / 2}, force=True)
    expect(legend).to_have_text(
        re.compile(rf"{timezone.localdate(timezone=cast.alpha.zone):%d.%m}\s*Leads2\s*Qualified0")
    )
    tab.get_by_text("Leads by day, as a table").press("Enter")
    expect(tab.locator("[data-chart] tbody tr").last.get_by_role("cell")).to_have_text(["2", "0"])


def test_an_address_is_copied_at_a_click(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/connection/", "alice@example.com")
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="Copy").nth(1).click()
    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    assert "/webhook/amocrm/traffic?" in tab.evaluate("navigator.clipboard.readText()")


def test_connecting_goes_to_amocrms_consent_and_back(
    tab: Page, live_server: LiveServer, cast: Cast, amocrm: Server, settings: Any
) -> None:
    settings.AMOCRM_CLIENT_ID, settings.AMOCRM_CLIENT_SECRET = "voronka", "secret"
    settings.AMOCRM_AUTH_URL = f"{amocrm.url}/oauth"
    settings.AMOCRM_REDIRECT_URI = f"{live_server.url}/amocrm/callback"
    amocrm.crm.oauth.register("voronka", "secret", redirect_uri=settings.AMOCRM_REDIRECT_URI)
    host = amocrm.crm.demo.profile.host
    sign_in(tab, live_server, "/connection/", "alice@example.com")
    tab.get_by_label("Your amoCRM's address").fill(f"https://{host}/leads/")
    tab.get_by_role("button", name="Go to amoCRM").click()
    tab.get_by_role("button", name="Allow").click()
    tab.wait_for_url(f"{live_server.url}/connection/")
    expect(tab.get_by_text(f"Connected to {host}.")).to_be_visible()
    expect(tab.get_by_role("heading", name=host)).to_be_visible()
    # The hook is asked for live; who registers it is the worker, who does not run here.
    expect(tab.get_by_text("not registered")).to_be_visible()
    tab.get_by_role("button", name="Register again").click()
    expect(tab.get_by_text("amoCRM sends every event that is needed.")).to_be_visible()


def test_a_connection_that_breaks_brings_up_the_form_by_itself(
    tab: Page, live_server: LiveServer, cast: Cast, amocrm: Server
) -> None:
    row = AmoCRMConnection.objects.create(
        user_account=cast.alpha, state=ConnectionState.CONNECTED, host="demo.amocrm.ru", amocrm_account_id=1
    )
    sign_in(tab, live_server, "/connection/", "alice@example.com")
    expect(tab.get_by_role("heading", name="demo.amocrm.ru")).to_be_visible()
    AmoCRMConnection.objects.filter(pk=row.pk).update(state=ConnectionState.RECONNECT_NEEDED)
    expect(tab.get_by_role("button", name="Go to amoCRM")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, TABLET_WIDTH])
def test_nothing_hangs_over_the_edge_of_a_phone_or_tablet(
    tab: Page, live_server: LiveServer, cast: Cast, width: int
) -> None:
    now, much = timezone.now(), {"user_account": cast.alpha, "amount": 150_095_000, "currency": "KZT"}
    cast.alpha.name = "Клиника" * 15  # no space at which a line could break
    cast.alpha.save()
    AdSpend.objects.create(day=timezone.localdate(now), campaign="a_campaign_with_a_long_name" * 5, **much)
    Sale.objects.create(status=SaleStatus.PAID, sold_at=now, **much)
    tab.set_viewport_size({"width": width, "height": 844})
    sign_in(tab, live_server, "/app/", "alice@example.com")
    speak_russian(tab)
    for path in ("/app/", "/app/leads/", "/app/stages/", "/connection/", "/app/roi/", "/app/spend/"):
        tab.goto(f"{live_server.url}{path}")
        expect(tab.locator("html")).to_have_attribute("lang", "ru")
        assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
        assert tab.locator(".figure *").evaluate_all(BEYOND) == 0, f"{path}: a panel cuts off what hangs over its edge"
        if width < TABLET_WIDTH:  # where rows are cards, and nothing needs to be scrolled to sideways
            cut = "its => its.filter(it => it.scrollWidth > it.clientWidth).length"
            assert tab.locator("main .scroll:has(> :is(.cards, .roi))").evaluate_all(cut) == 0, path


BEYOND = "its => its.filter(it => it.getBoundingClientRect().right > innerWidth).length"


def speak_russian(tab: Page) -> None:
    tab.get_by_role("button", name="Русский").click()
    expect(tab.locator("html")).to_have_attribute("lang", "ru")


@pytest.mark.parametrize("width", [320, 768, 900])
def test_every_sum_stands_whole_within_its_figure(tab: Page, live_server: LiveServer, cast: Cast, width: int) -> None:
    muha = Targetologist.objects.create(user_account=cast.alpha, name="Muha", position=1)
    now, much = timezone.now(), {"user_account": cast.alpha, "amount": 150_095_000, "currency": "KZT"}
    AdSpend.objects.create(day=timezone.localdate(now), targetologist=muha, **much)
    Sale.objects.create(status=SaleStatus.PAID, sold_at=now, targetologist=muha, **much)
    tab.set_viewport_size({"width": width, "height": 844})
    sign_in(tab, live_server, "/app/", "alice@example.com")
    for path, sums in (("/app/", 2), (f"/app/targetologists/{muha.pk}/", 3)):
        tab.goto(live_server.url + path)
        values = tab.locator(".figure .value", has_text="150,095,000")
        expect(values).to_have_count(sums)
        assert values.evaluate_all(NOT_WHOLE) == []


@pytest.mark.parametrize("width", [320, 390])
def test_large_sums_of_a_report_stand_apart_on_a_phone(
    tab: Page, live_server: LiveServer, cast: Cast, width: int
) -> None:
    much = {"user_account": cast.alpha, "amount": 999_999_999_999, "currency": "KZT"}
    AdSpend.objects.create(day=timezone.localdate(), campaign="a", **much)
    lead = Lead.objects.create(user_account=cast.alpha, utm_campaign="a", lead_at=timezone.now())
    Sale.objects.create(status=SaleStatus.PAID, sold_at=timezone.now(), lead=lead, utm_campaign="a", **much)
    tab.set_viewport_size({"width": width, "height": 844})
    sign_in(tab, live_server, "/app/roi/?by=campaign")
    expect(tab.locator(".roi data", has_text="999,999,999,999").first).to_be_visible()
    assert tab.locator(".roi td:has(data)").evaluate_all(OVERLAPPING) == []


# A text's own boxes: those of the element around it say nothing of what hangs over or goes on in a second line.
NOT_WHOLE = """values => values.filter(value => {
    const text = document.createRange();
    text.selectNodeContents(value);
    const { right, height } = text.getBoundingClientRect();
    return right > value.closest(".figure").getBoundingClientRect().right || height > 50;
}).map(value => value.innerText)"""


@pytest.mark.parametrize("width", [768, 1024, 1280])
def test_what_is_asked_for_stands_side_by_side(tab: Page, live_server: LiveServer, cast: Cast, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 844})
    sign_in(tab, live_server, "/app/", "alice@example.com")
    speak_russian(tab)
    for path in ("/app/sales/?status=paid", "/app/deliveries/?status=success", "/app/as-of/"):
        tab.goto(f"{live_server.url}{path}")
        assert tab.locator(".filters > *").evaluate_all(OVERLAPPING) == [], path
        selects = "its => its.filter(it => it.value && it.clientWidth < 95).map(it => it.name)"
        assert tab.locator(".filters select").evaluate_all(selects) == [], f"{path}: what is chosen is cut off"
        heights = tab.locator(".filters .actions > :visible").evaluate_all("its => its.map(it => it.offsetTop)")
        assert len(set(heights)) == 1, path


OVERLAPPING = """fields => fields.filter(field => {
    const text = document.createRange();
    text.selectNodeContents(field);
    const edge = Math.min(field.getBoundingClientRect().right, field.parentElement.getBoundingClientRect().right);
    return text.getBoundingClientRect().right > edge + 1;
}).map(field => field.innerText)"""


@pytest.mark.parametrize("path", ["/app/roi/", "/app/leads/", "/app/sales/"])
def test_paper_has_all_columns_of_a_table(tab: Page, live_server: LiveServer, cast: Cast, path: str) -> None:
    much = {"user_account": cast.alpha, "amount": 150_095_000, "currency": "KZT"}
    campaign = "a_campaign_with_a_long_name"
    AdSpend.objects.create(day=timezone.localdate(), campaign=campaign, **much)
    Sale.objects.create(status=SaleStatus.PAID, sold_at=timezone.now(), utm_campaign=campaign, **much)
    tab.set_viewport_size({"width": A4_WIDTH, "height": 1000})
    sign_in(tab, live_server, path, "alice@example.com")
    tab.emulate_media(media="print")
    # A table, not the cards of a phone: a report of thirty creatives is then one sheet and not eight.
    expect(tab.locator("main tbody td").first).to_have_css("display", "table-cell")
    # What is a little wider than the paper is shrunk by the browser, unless the page hides it.
    assert tab.evaluate("document.documentElement.scrollWidth") < 1.3 * A4_WIDTH
    cut = "its => its.filter(it => it.scrollWidth > it.clientWidth && getComputedStyle(it).overflowX != 'visible')"
    assert tab.locator("main :has(table)").evaluate_all(f"{cut}.length") == 0
    narrow = "cells => cells.filter(cell => cell.innerText && cell.clientWidth < 60)"
    assert tab.locator("td.why").evaluate_all(f"{narrow}.length") == 0


def test_headings_stay_in_view_above_a_long_table(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    for number in range(40):
        spent = {"campaign": f"campaign {number}", "amount": 1, "currency": "KZT"}
        AdSpend.objects.create(user_account=cast.alpha, day=timezone.localdate(), **spent)
    tab.set_viewport_size({"width": 1280, "height": 700})
    sign_in(tab, live_server, "/app/spend/", "alice@example.com")
    tab.get_by_role("row").last.scroll_into_view_if_needed()
    expect(tab.get_by_role("heading", level=1)).not_to_be_in_viewport()
    expect(tab.get_by_role("columnheader", name="Amount")).to_be_in_viewport()


def test_a_phone_shows_a_reports_total_before_its_rows(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    for number in range(2):
        spent = {"campaign": f"campaign {number}", "amount": 1, "currency": "KZT"}
        AdSpend.objects.create(user_account=cast.alpha, day=timezone.localdate(), **spent)
    tab.set_viewport_size({"width": 390, "height": 844})
    sign_in(tab, live_server, "/app/roi/?by=campaign")
    tops = [tab.locator(".roi th", has_text=name).bounding_box() for name in ("Total", "campaign 0")]
    assert tops[0]
    assert tops[1]
    assert tops[0]["y"] < tops[1]["y"]


def test_a_phone_shows_more_filters_when_asked_or_when_one_is_set(
    tab: Page, live_server: LiveServer, cast: Cast
) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    sign_in(tab, live_server, "/app/leads/")
    expect(tab.get_by_label("Source")).to_be_hidden()
    tab.get_by_label("Filters").focus()
    tab.keyboard.press("Space")
    tab.get_by_label("Source").select_option("website")
    tab.get_by_role("button", name="Find").click()
    tab.wait_for_url("**source=website**")
    expect(tab.get_by_label("Source")).to_have_value("website")
    expect(tab.get_by_label("Source")).to_be_visible()


def test_a_phones_strip_of_pages_follows_the_keyboard(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    tab.set_viewport_size({"width": 320, "height": 600})
    sign_in(tab, live_server, "/app/leads/")
    tab.locator(".brand").focus()
    for link in tab.locator(".nav-row").get_by_role("link").all():
        tab.keyboard.press("Tab")
        expect(link).to_be_focused()
        expect(link).to_be_in_viewport(ratio=0.99)


def test_a_menu_closes_when_the_keyboard_leaves_it(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/leads/")
    menu = tab.locator("details.menu", has_text="ROI")
    menu.locator("summary").press("Enter")
    last = menu.get_by_role("link").last
    last.focus()
    expect(last).to_be_visible()
    last.press("Tab")
    expect(tab.locator("summary", has_text="amoCRM")).to_be_focused()
    expect(last).to_be_hidden()


def test_a_table_is_sorted_on_a_phone_as_well(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    sign_in(tab, live_server, "/app/leads/")
    menu = tab.locator("details.sort")
    menu.locator("summary").press("Enter")
    menu.get_by_role("link", name="Lead").click()
    expect(menu.locator("summary")).to_have_text("Sort by Lead")
    expect(tab.locator(".lead-cell a")).to_have_text(["Dana", "Timur"])
    menu.locator("summary").press("Enter")
    menu.get_by_role("link", name="Lead").click()
    expect(tab.locator(".lead-cell a")).to_have_text(["Timur", "Dana"])


@pytest.mark.parametrize("has_clipboard", [True, False])
def test_an_address_is_copied_also_without_https(
    tab: Page, live_server: LiveServer, cast: Cast, has_clipboard: bool
) -> None:
    """By the page and by the admin, where the raw body stands in a part that is folded up."""
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    clipboard = tab.context.new_page()
    clipboard.goto(f"{live_server.url}/login/")
    if not has_clipboard:  # as on an address without https
        tab.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    log = WebhookLog.objects.create(user_account=cast.alpha, source=Hook.AMOCRM, raw_body=b"leads[add][0][id]=4711")
    User.objects.update(is_staff=True)
    sign_in(tab, live_server, "/connection/", "alice@example.com")
    for path, held in ((None, "/webhooks/amocrm"), (f"/admin/integrations/webhooklog/{log.pk}/change/", "=4711")):
        if path:
            tab.goto(f"{live_server.url}{path}")
        button = tab.locator("[data-copy]").first
        button.click()
        expect(button).to_have_text("Copied")
        clipboard.bring_to_front()
        assert held in clipboard.evaluate("navigator.clipboard.readText()")
        tab.bring_to_front()
        expect(button).to_have_text("Copy")
