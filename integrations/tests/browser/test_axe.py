"""axe looks at the pages of an account that has some of everything, on a desk and on a phone, and finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from analytics.models import AdSpend, ExchangeRate, Referrer, Sale, SaleStatus, Targetologist
from integrations.models import AmoCRMConnection, ConnectionState, Hook, Problem, WebhookLog
from integrations.tests.browser.signing import sign_in
from leads.models import Creative, Lead, LeadStatusHistory, PipelineStage
from leads.tests.cast import Cast, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = (
    *("/app/", "/app/leads/", "/app/funnel/", "/app/stages/", "/app/sales/", "/app/deliveries/", "/connection/"),
    *("/app/spend/", "/app/spend/upload/", "/app/spend/rates/", "/app/spend/meta/"),
    *("/app/roi/?by=creative", "/app/roi/?by=targetologist", "/app/roi/?by=referrer", "/app/as-of/", "/app/what-if/"),
)
GRAVE = ("serious", "critical")
ALL = ("minor", "moderate", *GRAVE)
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """Alpha with a pipeline, a lead that was sold to, its delivery, spend, a rate and a broken connection."""
    cast = make_cast()
    alpha, now = cast.alpha, timezone.now()
    for order, (status, name) in enumerate(((20, "Talks"), (142, "Won"), (143, "Lost"))):
        PipelineStage.objects.create(
            user_account=alpha,
            pipeline_id=1,
            pipeline_name="Sales",
            status_id=status,
            status_name=name,
            status_color="#ffff99",
            sort_order=order,
        )
    video = Creative.objects.create(user_account=alpha, name="Video")
    lead = Lead.objects.create(
        user_account=alpha,
        name="Dana",
        phone_e164="+77011234567",
        amocrm_lead_id=4711,
        creative=video,
        current_pipeline_id=1,
        current_status_id=142,
        is_qualified=True,
        price=Decimal(100_000),
        lead_at=now,
    )
    told = {"leads": {"status": [{"id": "4711", "status_id": "142"}]}}
    delivery = WebhookLog.objects.create(
        user_account=alpha, source=Hook.AMOCRM, raw_body=b"{}", deal_data=told, lead_id=4711
    )
    LeadStatusHistory.objects.create(
        user_account=alpha,
        lead=lead,
        amocrm_lead_id=4711,
        to_pipeline_id=1,
        to_status_id=142,
        changed_at=now,
        webhook_data={"delivery_id": delivery.pk},
    )
    buyer = Targetologist.objects.create(user_account=alpha, name="Muha", emoji="🚀", patterns=["muha"], position=1)
    for deal, person, paid in ((4711, buyer, SaleStatus.PAID), (4712, None, SaleStatus.CANCELLED)):
        Sale.objects.create(
            user_account=alpha,
            lead=lead if person else None,
            amocrm_deal_id=deal,
            targetologist=person,
            status=paid,
            amount=Decimal(100_000),
            currency="KZT",
            sold_at=now,
        )
    Referrer.objects.create(user_account=alpha, code="ref_dana", name="Dana")
    today = timezone.localdate(now)
    AdSpend.objects.create(
        user_account=alpha, day=today, creative=video, amount=Decimal(150_000), currency="KZT", source="table"
    )
    yesterday = today - timedelta(days=1)
    ExchangeRate.objects.create(user_account=alpha, day=yesterday, currency="USD", rate=Decimal("530.4"))
    AmoCRMConnection.objects.create(
        user_account=alpha,
        state=ConnectionState.RECONNECT_NEEDED,
        problem_code=Problem.RECONNECT_NEEDED,
        host="demo.amocrm.ru",
        amocrm_account_id=1,
    )
    return cast


def test_axe_finds_nothing_on_any_page(browser: Browser, live_server: LiveServer, cast: Cast) -> None:
    # axe is put into the page as a script, which the page's own policy would refuse.
    context = browser.new_context(locale="en-US", bypass_csp=True)
    tab = context.new_page()
    tab.goto(f"{live_server.url}/login/")
    found = [("/login/", *one) for one in _violations(tab)]
    sign_in(tab, live_server, "/app/", "alice@example.com")
    cards = (
        f"/app/leads/{Lead.objects.get().pk}/",
        f"/app/deliveries/{WebhookLog.objects.get().pk}/",
        f"/app/targetologists/{Targetologist.objects.get().pk}/",
        "/app/nothing-is-here/",
    )
    for path in (*PAGES, *cards):
        tab.goto(live_server.url + path)
        found += [(path, *one) for one in _violations(tab)]
    context.close()
    assert found == []


def test_axe_finds_nothing_grave_on_forms_of_the_administration(
    browser: Browser, live_server: LiveServer, cast: Cast
) -> None:
    context = browser.new_context(locale="en-US", bypass_csp=True)
    tab = context.new_page()
    sign_in(tab, live_server, "/app/", "root@example.com")
    found = []
    for path in ("/admin/", "/admin/analytics/sale/add/", "/admin/analytics/adspend/add/"):
        tab.goto(live_server.url + path)
        found += [(path, *one) for one in _violations(tab, GRAVE)]
        assert tab.get_by_role("main").count() == 1
    # What a field is for is said with it, as on the pages.
    expect(tab.get_by_label("Source")).to_have_accessible_description(re.compile("Who told of it"))
    context.close()
    assert found == []


def _violations(tab: Page, impacts: tuple[str, ...] = ALL) -> Iterator[tuple[str, str, str]]:
    """Scheme, rule and the first place of each. Dark is looked at on a phone."""
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        tab.set_viewport_size(size)  # type: ignore[arg-type]
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = Axe().run(tab).response
        # axe is not sure whether what a field is described by may come later; here it may not.
        unsure = [one for one in found["incomplete"] if one["id"] == "aria-valid-attr-value"]
        for violation in (*found["violations"], *unsure):
            if violation["impact"] in impacts:
                yield scheme, violation["id"], violation["nodes"][0]["html"]
