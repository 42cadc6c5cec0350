"""Parts of an open page that are read anew: what somebody does there stays, and what goes wrong is said."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from integrations.models import Hook, WebhookLog
from integrations.tests.browser.signing import sign_in
from leads.models import PipelineStage
from leads.tests.cast import Cast, make_cast

STALE = "This could not be refreshed; it is as it was last seen."
EVERY_MS = 5000

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def arrives(cast: Cast, deal: int) -> WebhookLog:
    return WebhookLog.objects.create(user_account=cast.alpha, source=Hook.AMOCRM, raw_body=b"a=1", lead_id=deal)


def now_is_read(tab: Page) -> None:
    """The dashboard's part, by the page's own clock."""
    with tab.expect_response("**/app/now?*"):
        tab.clock.fast_forward(EVERY_MS)


def test_focus_and_selection_stay_where_they_are(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    first = arrives(cast, 4711)
    tab.clock.install()
    sign_in(tab, live_server, "/app/")
    link = tab.locator(f'a[href="/app/deliveries/{first.pk}"]')
    link.focus()
    tab.evaluate("getSelection().selectAllChildren(document.querySelector('main table td:last-child'))")
    arrives(cast, 4712)
    now_is_read(tab)
    expect(tab.locator("main table td.num").first).to_have_text("4712")
    expect(link).to_be_focused()
    assert tab.evaluate("String(getSelection()).trim()") == "4711"


def test_a_hidden_tab_asks_for_nothing(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    tab.clock.install()
    sign_in(tab, live_server, "/app/")
    tab.evaluate("window.asked = 0; document.addEventListener('htmx:beforeSend', () => asked++)")
    tab.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    tab.clock.run_for(4 * EVERY_MS)
    assert tab.evaluate("asked") == 0
    tab.evaluate("delete document.hidden")
    now_is_read(tab)
    assert tab.evaluate("asked") == 1


def test_a_part_that_cannot_be_read_says_so_until_it_can(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/")
    watched = tab.context.new_page()  # its console may speak of the failure
    watched.clock.install()
    watched.goto(f"{live_server.url}/app/")
    watched.route("**/app/now?*", lambda route: route.abort())
    watched.clock.fast_forward(EVERY_MS)
    expect(watched.get_by_text(STALE)).to_be_visible()
    watched.unroute("**/app/now?*")
    now_is_read(watched)
    expect(watched.get_by_text(STALE)).to_be_hidden()


def test_a_server_in_trouble_is_asked_less_and_less(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    sign_in(tab, live_server, "/app/")
    watched = tab.context.new_page()  # its console may speak of the failure
    watched.clock.install()
    watched.goto(f"{live_server.url}/app/")
    watched.evaluate("window.asked = 0; document.addEventListener('htmx:beforeSend', () => asked++)")
    watched.route("**/app/now?*", lambda route: route.abort())
    asked = []
    for _turn in range(8):
        watched.clock.fast_forward(EVERY_MS)
        expect(watched.locator(".htmx-request")).to_have_count(0)
        asked.append(watched.evaluate("asked"))
    assert asked == [1, 2, 2, 3, 3, 3, 3, 4]


def test_a_switch_that_was_not_saved_says_so(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    stage = PipelineStage.objects.create(
        user_account=cast.alpha, pipeline_id=1, pipeline_name="Sales", status_id=20, status_name="Talks"
    )
    sign_in(tab, live_server, "/app/stages/")
    watched = tab.context.new_page()  # its console may speak of the failure
    watched.goto(f"{live_server.url}/app/stages/")
    stage.delete()
    switch = watched.get_by_role("switch", name="Talks")
    switch.click()
    expect(watched.get_by_role("alert")).to_contain_text("This was not saved.")
    expect(switch).not_to_be_checked()


def test_who_was_signed_out_meanwhile_sees_the_login(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    tab.clock.install()
    sign_in(tab, live_server, "/app/")
    Session.objects.all().delete()
    tab.clock.fast_forward(EVERY_MS)
    expect(tab).to_have_url(f"{live_server.url}/login/?next=/app/")
