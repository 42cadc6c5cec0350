"""A day's work in a real browser: signing in, a sync that is watched, a stage marked, a sale assigned, a payout."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from analytics.earning.referrers import link_token
from analytics.models import AdSpend, ExchangeRate, ReferralEarning, Sale
from analytics.tests.world import buyer, by_code, referrer, sale_of, settle, won
from integrations.models import SyncRun
from integrations.sync import session
from integrations.tests.browser.signing import sign_in
from integrations.tests.sync_world import finish
from integrations.tests.world import connect
from leads.models import Creative, Lead, LeadStatusHistory, PipelineStage
from leads.news import Utm
from leads.tests.cast import Cast, make_cast
from sandbox import Server, seed_bulk

SEEN = 3

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    made = make_cast()
    made.sam.is_staff = True  # let into the administration, as members are
    made.sam.save()
    return made


def test_signing_in_by_the_form_and_out_again(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    tab.goto(live_server.url)
    tab.get_by_label("E-mail").fill("Sam@example.com ")
    tab.get_by_label("Password").fill("wrong")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("alert")).to_contain_text("do not belong together")
    tab.get_by_label("Password").fill("secret-7")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("heading", name="Dashboard")).to_be_visible()
    tab.locator("summary", has_text="sam@example.com").click()
    tab.get_by_role("button", name="Sign out").click()
    tab.goto(f"{live_server.url}/app/leads/?q=Dana")
    tab.get_by_label("E-mail").fill("sam@example.com")
    tab.get_by_label("Password").fill("secret-7")
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(f"{live_server.url}/app/leads/?q=Dana")


def test_what_is_typed_when_the_session_is_over_is_sent_after_signing_in(
    tab: Page, live_server: LiveServer, cast: Cast
) -> None:
    sign_in(tab, live_server, "/app/spend/rates/")
    tab.get_by_label("Day").fill("2026-03-30")
    tab.get_by_label("Currency").fill("USD")
    tab.get_by_role("textbox", name="Rate").fill("501.25")
    tab.context.clear_cookies(name="sessionid")
    tab.get_by_role("button", name="Store").click()
    expect(tab.get_by_text("What you entered is not lost")).to_be_visible()
    tab.get_by_label("E-mail").fill("sam@example.com")
    tab.get_by_label("Password").fill("secret-7")
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("button", name="Send it now").press("Enter")
    expect(tab.get_by_role("row", name="30.03.2026")).to_contain_text("501.25 KZT")
    assert ExchangeRate.objects.get().user_account == cast.alpha


def test_a_syncs_bar_moves_until_it_is_done(
    tab: Page, live_server: LiveServer, cast: Cast, amocrm: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_turn = session.TURN_SECONDS
    monkeypatch.setattr(session, "TURN_SECONDS", 0.0)  # over after a page
    seed_bulk(amocrm.crm.demo, 600)
    connect(cast.alpha, amocrm)
    tab.clock.install()
    sign_in(tab, live_server, "/connection/")
    syncs = tab.locator("#syncs")
    syncs.get_by_role("button", name="Read everything").click()
    expect(syncs.get_by_text("Reading now")).to_be_visible()
    run = SyncRun.objects.get(user_account=cast.alpha)
    bar = syncs.locator(".meter .fill")
    widths: list[float] = []

    def look() -> None:
        run.refresh_from_db()
        if not run.progress.get("expected"):
            return  # what follows the deals has no known length
        percent = 100 * run.progress["done"] / run.progress["expected"]
        tab.clock.fast_forward(3000)
        expect(bar).to_have_attribute("width", f"{percent:.2f}")
        expect(syncs).to_contain_text(f"{run.total} deals read")
        widths.append(percent)
        if len(widths) == SEEN:
            monkeypatch.setattr(session, "TURN_SECONDS", a_turn)

    finish(run, between=look)
    assert widths == sorted(set(widths))
    assert len(widths) == SEEN
    tab.clock.fast_forward(3000)
    expect(syncs.get_by_text("600 read, 600 changed")).to_be_visible(timeout=20_000)
    expect(bar).to_have_count(0)


def test_a_stage_marked_as_qualified_changes_the_figures(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    stands_in_talks(cast, 2)
    sign_in(tab, live_server, "/app/roi/")
    video = tab.get_by_role("row", name="Video")
    expect(figure(video, "Qualified")).to_have_text("0")
    expect(figure(video, "CPQL")).to_contain_text("none is qualified")
    tab.goto(f"{live_server.url}/app/stages/")
    tab.get_by_role("switch", name="Talks").click()
    expect(tab.get_by_text("2 leads changed.")).to_be_visible()
    tab.goto(f"{live_server.url}/app/roi/")
    expect(figure(video, "Qualified")).to_have_text("2")
    expect(figure(video, "CPQL")).to_have_text("500")
    tab.goto(f"{live_server.url}/app/")
    expect(tab.locator(".figure", has=tab.get_by_text("Qualified", exact=True))).to_contain_text("100.0% of leads")


def test_a_report_is_saved_as_a_file_that_excel_reads(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    AdSpend.objects.create(
        user_account=cast.alpha, day=timezone.localdate(), campaign="весна", amount=Decimal(1000), currency="KZT"
    )
    sign_in(tab, live_server, "/app/roi/?by=campaign")
    with tab.expect_download() as saved:
        tab.get_by_role("link", name="Download as CSV").click()
    assert saved.value.suggested_filename.endswith(".csv")
    content = saved.value.path().read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # without this mark Excel takes it for another encoding
    assert "весна" in content.decode()


def test_a_sale_that_nobody_is_credited_with_is_assigned(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    muha = buyer(cast.alpha, "Muha", "spring")
    settle(cast.alpha, won(5, 10, utm=Utm(source="fb", campaign="autumn")))
    sign_in(tab, live_server, "/app/sales/?credit=queue")
    tab.get_by_role("link", name="Say whose they are").click()
    act_on_all(tab, "Assign to a targetologist…")
    tab.get_by_label("targetologist").select_option("Muha")
    tab.get_by_role("button", name="Assign").click()
    expect(tab.get_by_text("1 sale is now Muha.")).to_be_visible()
    tab.goto(f"{live_server.url}/app/sales/?credit=queue")
    expect(tab.get_by_role("heading", name="Nobody is missing")).to_be_visible()
    tab.goto(f"{live_server.url}/app/roi/?by=targetologist&since=2026-03-01&until=2026-03-31")
    expect(figure(tab.get_by_role("row", name="Muha"), "Revenue")).to_have_text("100,000")
    assert Sale.objects.get(targetologist=muha) == sale_of(5)


def test_a_referrer_is_paid_and_owed_nothing_more(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    referrer(cast.alpha, name="Aida", commission_rate=Decimal("0.1"))
    settle(cast.alpha, won(5, 10, utm=by_code()))
    sign_in(tab, live_server, "/app/")
    tab.goto(f"{live_server.url}/admin/analytics/referrer/")
    aida = tab.get_by_role("row", name="Aida")
    expect(aida.locator(".field-balance")).to_have_text("10,000\u00a0₸")
    act_on_all(tab, "Pay out…")
    tab.get_by_role("button", name="Mark as paid").click()
    expect(tab.get_by_text("Marked as paid: Aida")).to_be_visible()
    expect(aida.locator(".field-paid")).to_have_text("10,000\u00a0₸")
    expect(aida.locator(".field-balance")).to_have_text("0\u00a0₸")
    line = ReferralEarning.objects.get()
    assert line.paid_at is not None
    tab.goto(f"{live_server.url}/admin/analytics/referralearning/")
    paid = f"{line.paid_at.astimezone(cast.alpha.zone):%Y}"
    expect(tab.get_by_role("row", name="Aida").locator(".field-paid")).to_contain_text(paid)


def test_a_referrer_reads_the_commission_on_a_phone(tab: Page, live_server: LiveServer, cast: Cast) -> None:
    aida = referrer(cast.alpha, name="Aida", commission_rate=Decimal("0.1"))
    settle(cast.alpha, won(5, 10, utm=by_code()))
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(f"{live_server.url}/r/{link_token(aida)}")
    for label in ("Day", "Amount", "Commission", "Status"):
        expect(tab.locator(f'td[data-label="{label}"]')).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_what_a_referrer_earned_stands_within_its_card(
    tab: Page, live_server: LiveServer, cast: Cast, width: int
) -> None:
    cast.alpha.name = "Клиника" * 15  # no space at which a line could break
    cast.alpha.save()
    aida = referrer(cast.alpha, name="Aida", commission_rate=Decimal("0.3333"))
    settle(cast.alpha, won(5, 10, 9_999_999_999_999, utm=by_code()))
    tab.set_viewport_size({"width": width, "height": 844})
    tab.goto(f"{live_server.url}/r/{link_token(aida)}")
    cut = "sums => sums.filter(sum => sum.scrollWidth > sum.clientWidth).map(sum => sum.innerText)"
    assert tab.locator(".sums dd").evaluate_all(cut) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_field_has_the_focus_under_the_administrations_buttons(
    tab: Page, live_server: LiveServer, cast: Cast
) -> None:
    tab.set_viewport_size({"width": 1280, "height": 600})
    sign_in(tab, live_server, "/app/")
    tab.goto(f"{live_server.url}/admin/analytics/sale/add/")
    for name in ("external_id", "utm_term"):
        field = tab.locator(f"[name={name}]")
        field.focus()
        at_its_end = "it => { const {x, bottom} = it.getBoundingClientRect(); return [x + 9, bottom - 5]; }"
        on_top = f"it => document.elementFromPoint(...({at_its_end})(it)) === it"
        assert field.evaluate(on_top), name


def stands_in_talks(cast: Cast, number: int) -> None:
    """So many leads of today, of the creative Video, on which 1,000 were spent."""
    PipelineStage.objects.create(
        user_account=cast.alpha, pipeline_id=1, pipeline_name="Sales", status_id=20, status_name="Talks"
    )
    video = Creative.objects.create(user_account=cast.alpha, name="Video")
    now = timezone.now()
    AdSpend.objects.create(
        user_account=cast.alpha,
        day=now.astimezone(cast.alpha.zone).date(),
        creative=video,
        amount=Decimal(1000),
        currency="KZT",
    )
    for deal in range(1, number + 1):
        lead = Lead.objects.create(
            user_account=cast.alpha,
            amocrm_lead_id=deal,
            creative=video,
            current_pipeline_id=1,
            current_status_id=20,
        )
        LeadStatusHistory.objects.create(
            user_account=cast.alpha,
            lead=lead,
            amocrm_lead_id=deal,
            to_pipeline_id=1,
            to_status_id=20,
            changed_at=now,
        )


def figure(row: Locator, label: str) -> Locator:
    """A cell of the ROI table, by its column."""
    return row.locator(f'td[data-label="{label}"]')


def act_on_all(tab: Page, action: str) -> None:
    """An action of the administration, on every row of the list."""
    tab.locator("#action-toggle").check()
    tab.locator("select[name=action]").select_option(action)
    tab.locator("button[name=index]").click()
