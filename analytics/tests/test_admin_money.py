"""The pages about money in the admin: the queue, assigning, patterns, purchases, referrers, the payout."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from analytics.earning.payout import balances
from analytics.earning.referrers import link_token
from analytics.models import AdSpend, ExchangeRate, ReferralEarning, Referrer, Sale, Targetologist
from analytics.tests.world import CODE, buyer, by_code, lost, referrer, sale_of, settle, won
from leads.models import Creative, Membership, Role, User, UserAccount
from leads.news import Utm
from leads.tests.world import account, contact

pytestmark = pytest.mark.django_db

QUEUE = "/admin/analytics/unknownsale/"


@pytest.fixture
def alfa() -> UserAccount:
    return account()


@pytest.fixture
def kenesary(alfa: UserAccount) -> Targetologist:
    return buyer(alfa, "Kenesary", "tripwire", emoji="👑")


@pytest.fixture
def sam(alfa: UserAccount) -> Client:
    return member(alfa, Role.STAFF)


def member(owner: UserAccount, role: Role) -> Client:
    user = User.objects.create_user(f"{role}-{owner.name}@x.kz", "pw", is_staff=True)
    Membership.objects.create(user=user, user_account=owner, role=role)
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def body(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            ["Another targetologist has this name", "There is a rate of this currency and day", "Another creative has"],
        ),
        ("ru", ["Таргетолог с таким именем уже есть", "Курс этой валюты на этот день уже есть", "у другого креатива"]),
    ],
)
def test_what_is_there_already_is_told_whether_it_is_added_or_changed(
    alfa: UserAccount, sam: Client, language: str, told: list[str]
) -> None:
    sam.cookies["django_language"] = language
    rate = {"day": "2026-03-01", "currency": "USD", "base_currency": "KZT", "rate": "500"}
    entries: list[tuple[str, type[Model], dict[str, str], dict[str, str]]] = [
        ("analytics/targetologist", Targetologist, {"name": "A", "position": "1"}, {"name": "B"}),
        ("analytics/exchangerate", ExchangeRate, rate, {"day": "2026-03-02"}),
        ("leads/creative", Creative, {"name": "A", "external_ad_id": "7"}, {"external_ad_id": "8"}),
    ]
    for (path, model, taken, other), words in zip(entries, told, strict=True):
        taken |= {"user_account": str(alfa.pk)}
        assert sam.post(f"/admin/{path}/add/", taken).status_code == 302
        assert words in sam.post(f"/admin/{path}/add/", taken).content.decode()
        assert sam.post(f"/admin/{path}/add/", taken | other).status_code == 302
        newest = model._default_manager.latest("pk")
        changed = sam.post(f"/admin/{path}/{newest.pk}/change/", taken)
        assert (changed.status_code, words in changed.content.decode()) == (200, True), path


def sell(owner: UserAccount, deal_id: int, campaign: str, source: str = "fb") -> Sale:
    person = contact(900 + deal_id, f"+7701222000{deal_id}", name=f"Client {deal_id}")
    utm = Utm(source=source, campaign=campaign)
    settle(owner, won(deal_id, 10, 1000, utm=utm, contact_ids=(900 + deal_id,)), person)
    return sale_of(deal_id)


def test_the_queue_has_only_sales_of_nobody(alfa: UserAccount, kenesary: Targetologist, sam: Client) -> None:
    sell(alfa, 5, "tripwire")
    sell(alfa, 6, "spring")
    settle(alfa, won(7, 10, utm=by_code()))
    page = body(sam, QUEUE)
    assert "Client 6" in page
    assert "Client 5" not in page
    assert CODE not in page
    assert "Client 5" in body(sam, "/admin/analytics/sale/")


def test_sales_are_assigned_by_the_action(alfa: UserAccount, kenesary: Targetologist, sam: Client) -> None:
    sale = sell(alfa, 6, "spring")
    form = {"action": "assign", "_selected_action": [sale.pk]}
    to = sam.post(QUEUE, form)
    assert to.status_code == 302
    assert "Client 6" in body(sam, to["Location"])
    sam.post(to["Location"], {"targetologist": kenesary.pk})
    sale.refresh_from_db()
    assert (sale.targetologist, sale.is_assigned) == (kenesary, True)
    assert "Client 6" not in body(sam, QUEUE)


def test_a_pattern_is_added_after_its_effect_was_seen(alfa: UserAccount, kenesary: Targetologist, sam: Client) -> None:
    sales = [sell(alfa, 5, "Spring A"), sell(alfa, 6, "spring B"), sell(alfa, 7, "autumn")]
    to = sam.post(QUEUE, {"action": "add_pattern", "_selected_action": [sales[0].pk]})["Location"]
    assert "Spring A" in body(sam, to)
    seen = body(sam, f"{to}&targetologist={kenesary.pk}&pattern=spring")
    assert "2 past sales would become Kenesary" in seen
    assert "Client 7" not in seen
    assert sale_of(5).targetologist is None
    form = {"targetologist": kenesary.pk, "pattern": "spring", "moved": f"{sales[1].pk},{sales[0].pk}"}
    assert sam.post(to, form).status_code == 302
    assert [sale_of(deal_id).targetologist for deal_id in (5, 6, 7)] == [kenesary, kenesary, None]


def test_a_preview_that_is_no_longer_true_is_shown_again(
    alfa: UserAccount, kenesary: Targetologist, sam: Client
) -> None:
    sale = sell(alfa, 5, "spring")
    to = f"/admin/analytics/sale/pattern/?ids={sale.pk}"
    sell(alfa, 6, "spring")
    answer = sam.post(to, {"targetologist": kenesary.pk, "pattern": "spring", "moved": str(sale.pk)})
    assert answer.status_code == 200
    assert "2 past sales" in answer.content.decode()
    assert sale_of(5).targetologist is None


@pytest.mark.parametrize("page", ["assign", "pattern"])
def test_viewers_and_strangers_assign_nothing(
    alfa: UserAccount, kenesary: Targetologist, sam: Client, page: str
) -> None:
    sale = sell(alfa, 5, "spring")
    to = f"/admin/analytics/sale/{page}/?ids={sale.pk}"
    form = {"targetologist": kenesary.pk, "pattern": "spring", "moved": str(sale.pk)}
    assert member(alfa, Role.VIEWER).post(to, form).status_code == 403
    assert member(account(name="Beta"), Role.OWNER).post(to, form).status_code == 404
    assert Client().post(to, form).status_code == 302
    assert sale_of(5).targetologist is None


def test_anothers_targetologist_cannot_be_given_a_sale(alfa: UserAccount, sam: Client) -> None:
    sale = sell(alfa, 5, "spring")
    theirs = buyer(account(name="Beta"), "Theirs")
    answer = sam.post(f"/admin/analytics/sale/assign/?ids={sale.pk}", {"targetologist": theirs.pk})
    assert answer.status_code == 200
    assert sale_of(5).targetologist is None


def test_what_is_about_to_move_is_of_the_day_that_the_list_says(
    alfa: UserAccount, kenesary: Targetologist, sam: Client
) -> None:
    """Whose accounts lie in several zones reads forms by UTC, but each sale by its own account's clock."""
    user = User.objects.get()
    far = account(name="Far", timezone="America/New_York")
    Membership.objects.create(user=user, user_account=far, role=Role.STAFF)
    sale = sell(alfa, 5, "spring")
    Sale.objects.update(sold_at=datetime(2026, 3, 5, 20, 30, tzinfo=UTC))
    assert "06.03.2026" in body(sam, QUEUE)
    for page in ("assign", "pattern"):
        asked = f"?ids={sale.pk}&targetologist={kenesary.pk}&pattern=spring"
        assert "06.03.2026" in body(sam, f"/admin/analytics/sale/{page}/{asked}")


def test_a_deals_sale_is_shown_with_its_reason_and_cannot_be_edited(
    alfa: UserAccount, kenesary: Targetologist, sam: Client
) -> None:
    sale = sell(alfa, 5, "tripwire")
    page = body(sam, f"/admin/analytics/sale/{sale.pk}/change/")
    assert "&#x27;tripwire&#x27; in utm_campaign" in page
    assert reverse("admin:leads_lead_change", args=[sale.lead_id]) in page
    assert "/admin/integrations/webhooklog/?q=5" in page
    assert 'name="amount"' not in page
    sam.post(f"/admin/analytics/sale/{sale.pk}/change/", {"amount": "1"})
    assert sale_of(5).amount == Decimal(1000)


def purchase(**values: Any) -> dict[str, Any]:
    form = {"amount": "500", "status": "paid", "sold_at_0": "2026-03-05", "sold_at_1": "10:00", "client_name": "Aida"}
    return form | values


def test_a_purchase_is_entered_and_changed_by_hand(alfa: UserAccount, kenesary: Targetologist, sam: Client) -> None:
    referrer(alfa)
    form = purchase(user_account=str(alfa.pk), utm_source=CODE, utm_campaign="tripwire")
    assert "currency" in body(sam, "/admin/analytics/sale/add/")
    answer = sam.post("/admin/analytics/sale/add/", form)
    assert answer.status_code == 302, answer.content.decode()
    sale = Sale.objects.get()
    assert (sale.amount, sale.currency, sale.targetologist) == (Decimal(500), "KZT", kenesary)
    answer = sam.post(
        f"/admin/analytics/sale/{sale.pk}/change/",
        purchase(amount="700", utm_source=CODE, utm_campaign="tripwire", targetologist=kenesary.pk),
    )
    assert answer.status_code == 302
    lines: Any = ReferralEarning.objects.order_by("id").values_list("kind", "amount")
    assert list(lines) == [("accrual", 50), ("adjustment", 20)]


@pytest.mark.parametrize("senseless", [{"amount": "-5"}, {"currency": "₸"}, {"currency": "KZ"}, {"currency": "12!"}])
def test_a_purchase_that_would_empty_every_report_is_refused(
    alfa: UserAccount, sam: Client, senseless: dict[str, str]
) -> None:
    form = purchase(user_account=str(alfa.pk)) | senseless
    assert sam.post("/admin/analytics/sale/add/", form).status_code == 200
    assert not Sale.objects.exists()


def test_a_purchase_form_sent_untouched_is_no_sale_of_nothing(alfa: UserAccount, sam: Client) -> None:
    (field,) = re.findall(r'<input[^>]*name="amount"[^>]*>', body(sam, "/admin/analytics/sale/add/"))
    assert "value=" not in field
    assert sam.post("/admin/analytics/sale/add/", purchase(user_account=str(alfa.pk), amount="")).status_code == 200
    assert not Sale.objects.exists()


def test_a_purchases_utm_are_called_as_in_addresses(alfa: UserAccount, sam: Client) -> None:
    page = body(sam, "/admin/analytics/sale/add/")
    assert "Utm source" not in page
    assert re.search(r"<label[^>]*>\s*utm_source\s*<", page)


def test_a_purchases_time_is_the_accounts(alfa: UserAccount, sam: Client) -> None:
    assert sam.post("/admin/analytics/sale/add/", purchase(user_account=str(alfa.pk))).status_code == 302
    sale = Sale.objects.get()
    assert sale.sold_at == datetime(2026, 3, 5, 10, tzinfo=alfa.zone) != datetime(2026, 3, 5, 10, tzinfo=UTC)
    assert 'value="10:00:00"' in body(sam, f"/admin/analytics/sale/{sale.pk}/change/")


def test_a_purchase_at_an_end_of_the_calendar_is_refused(alfa: UserAccount, sam: Client) -> None:
    form = purchase(user_account=str(alfa.pk), sold_at_0="9999-12-31", sold_at_1="23:00")
    assert sam.post("/admin/analytics/sale/add/", form).status_code == 200
    assert not Sale.objects.exists()


def test_a_new_targetologist_takes_no_sale_of_the_others(alfa: UserAccount, sam: Client) -> None:
    Targetologist.objects.create(user_account=alfa, name="Kenesary", patterns=["tripwire"], position=7)
    page = body(sam, "/admin/analytics/targetologist/add/")
    assert not re.search(r'name="position"[^>]*value=', page)
    form = {"user_account": str(alfa.pk), "name": "Newcomer", "patterns": "wire", "position": ""}
    assert sam.post("/admin/analytics/targetologist/add/", form).status_code == 302
    assert Targetologist.objects.get(name="Newcomer").position == 8
    assert sell(alfa, 1, "tripwire").targetologist == Targetologist.objects.get(name="Kenesary")


def test_referrers_are_kept_and_waiting_sales_become_theirs(alfa: UserAccount, sam: Client) -> None:
    settle(alfa, won(5, 10, 1000, utm=by_code()))
    form = {"user_account": str(alfa.pk), "code": CODE, "name": "Aida", "phone": "", "commission_rate": ""}
    assert sam.post("/admin/analytics/referrer/add/", form).status_code == 302
    aida = Referrer.objects.get()
    page = body(sam, f"/admin/analytics/referrer/{aida.pk}/change/")
    assert f"/r/{link_token(aida)}" in page
    assert "100 ₸" in page
    again = sam.post("/admin/analytics/referrer/add/", form | {"code": CODE.lower()})
    assert "Another referrer has this code already." in again.content.decode()
    wrong = sam.post("/admin/analytics/referrer/add/", form | {"code": "AIDA"})
    assert "is no referral code" in wrong.content.decode()
    assert Referrer.objects.count() == 1


@pytest.fixture
def owed(alfa: UserAccount) -> list[Referrer]:
    people = [referrer(alfa, "ref_a", name="=cmd()"), referrer(alfa, "ref_b", phone="+77019998877")]
    settle(alfa, won(5, 10, 1000, utm=by_code("ref_a")), won(6, 10, 3000, utm=by_code("ref_b")))
    return people


def payout(people: list[Referrer]) -> str:
    return f"/admin/analytics/referrer/payout/?ids={','.join(str(person.pk) for person in people)}"


def shown(page: str) -> str:
    return page.partition('name="shown" value="')[2].partition('"')[0]


def test_the_payout_shows_what_is_owed_and_marks_exactly_that(owed: list[Referrer], sam: Client) -> None:
    page = body(sam, payout(owed))
    assert "400 ₸" in page
    assert sam.post(payout(owed), {"shown": shown(page)}).status_code == 302
    assert not ReferralEarning.objects.filter(paid_at=None).exists()
    assert "Nobody is owed anything" in body(sam, payout(owed))


def test_sums_that_changed_since_they_were_shown_are_not_marked(owed: list[Referrer], sam: Client) -> None:
    page = body(sam, payout(owed))
    settle(owed[0].user_account, lost(5, 20))
    sam.post(payout(owed), {"shown": shown(page)})
    assert not ReferralEarning.objects.exclude(paid_at=None).exists()


def test_the_bookkeepers_csv_has_no_formulas(owed: list[Referrer], sam: Client) -> None:
    text = sam.get(f"{payout(owed)}&format=csv").content.decode("utf-8-sig")
    assert text.splitlines() == [
        "code,name,phone,amount,currency",
        "ref_a,'=cmd(),,100.00,KZT",
        "ref_b,,'+77019998877,300.00,KZT",
    ]


def test_viewers_and_strangers_pay_nobody(alfa: UserAccount, owed: list[Referrer], sam: Client) -> None:
    mark = shown(body(sam, payout(owed)))
    assert member(alfa, Role.VIEWER).post(payout(owed), {"shown": mark}).status_code == 403
    assert member(account(name="Beta"), Role.OWNER).post(payout(owed), {"shown": mark}).status_code == 404
    assert not ReferralEarning.objects.exclude(paid_at=None).exists()


def test_lines_of_the_ledger_are_paid_by_the_action_and_downloaded(owed: list[Referrer], sam: Client) -> None:
    line = ReferralEarning.objects.earliest("id")
    form = {"action": "mark_paid", "_selected_action": [line.pk]}
    assert sam.post("/admin/analytics/referralearning/", form).status_code == 302
    line.refresh_from_db()
    assert line.paid_at is not None
    answer = sam.post("/admin/analytics/referralearning/", form | {"action": "as_csv"})
    assert answer["Content-Type"].startswith("text/csv")
    assert "ref_a,'=cmd(),accrual,100.00,KZT" in answer.content.decode("utf-8-sig")


def test_what_the_ledger_says_of_amounts_and_rates_is_written_as_people_write(alfa: UserAccount, sam: Client) -> None:
    referrer(alfa, commission_rate=Decimal("0.0333"))
    settle(alfa, won(5, 10, 160_003, utm=by_code()))
    sam.cookies["django_language"] = "ru"
    assert "продажа на 160 003 ₸" in body(sam, "/admin/analytics/referralearning/")
    assert "3,33 %" in body(sam, "/admin/analytics/referrer/")


def test_a_payout_that_was_a_slip_is_taken_back(owed: list[Referrer], alfa: UserAccount, sam: Client) -> None:
    before = balances([owed[0].pk])
    sam.post(payout(owed), {"shown": shown(body(sam, payout(owed)))})
    assert balances([owed[0].pk]) != before
    slip = {
        "action": "mark_unpaid",
        "_selected_action": list(ReferralEarning.objects.filter(referrer=owed[0]).values_list("pk", flat=True)),
    }
    for stranger in (member(alfa, Role.VIEWER), member(account(name="Beta"), Role.OWNER)):
        stranger.post("/admin/analytics/referralearning/", slip)
        assert balances([owed[0].pk]) != before
    assert sam.post("/admin/analytics/referralearning/", slip).status_code == 302
    assert balances([owed[0].pk]) == before


def test_a_link_is_replaced(owed: list[Referrer], sam: Client) -> None:
    before = link_token(owed[0])
    address = reverse("admin:analytics_referrer_rotate", args=[owed[0].pk])
    assert sam.post(address, {"_form_submitted": "1"}).status_code == 200
    owed[0].refresh_from_db()
    assert link_token(owed[0]) != before


def test_a_pattern_that_can_never_win_is_warned_about(alfa: UserAccount, kenesary: Targetologist, sam: Client) -> None:
    muha = buyer(alfa, "Muha", position=2)
    form = {"name": "Muha", "patterns": "tripwire_spring", "position": "2"}
    answer = sam.post(f"/admin/analytics/targetologist/{muha.pk}/change/", form, follow=True)
    assert "is never reached" in answer.content.decode()
    assert "never reached: tripwire_spring" in body(sam, "/admin/analytics/targetologist/")
    assert "never reached: tripwire " not in body(sam, "/admin/analytics/targetologist/")


@pytest.mark.parametrize(("language", "name"), [("en", "Sales of nobody known"), ("ru", "Ничьи продажи")])
def test_the_queue_is_called_alike_in_the_menu_and_on_its_page(sam: Client, language: str, name: str) -> None:
    page = sam.get(QUEUE, headers={"accept-language": language}).content.decode()
    assert re.search(rf'href="{QUEUE}"[^>]*>.*?{name}', page, re.DOTALL)
    assert f"<title>{name}" in re.sub(r"\s+", " ", page).replace("<title> ", "<title>")


@pytest.mark.parametrize("page", ["sale", "unknownsale", "referrer", "referralconversion", "referralearning"])
def test_lists_cost_the_same_whatever_their_length(
    alfa: UserAccount, sam: Client, page: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        referrer(alfa, f"ref_{number}")
    settle(alfa, *(won(deal_id, 10, 100, utm=by_code(f"ref_{deal_id % 12}")) for deal_id in range(1, 25)))
    settle(alfa, *(won(deal_id, 10, 100, utm=Utm(source="x")) for deal_id in range(101, 125)))
    with django_assert_max_num_queries(16):
        body(sam, f"/admin/analytics/{page}/")


def test_a_deal_that_two_claim_shows_what_each_earns(alfa: UserAccount, kenesary: Targetologist, sam: Client) -> None:
    referrer(alfa, commission_rate=Decimal("0.1"))
    settle(alfa, won(5, 1, 100_000, utm=by_code(campaign="tripwire")))
    sale = sale_of(5)
    page = body(sam, reverse("admin:analytics_sale_change", args=[sale.pk]))
    assert "Kenesary 👑 · 100,000 ₸" in page
    assert "ref_TEST123 · 10,000 ₸" in page
    shown = sam.get(f"/sales/{sale.pk}").json()
    assert (shown["routing_decision"], shown["referrer"], shown["commission"]) == ("both", "ref_TEST123", "10000.00")


# --- Deleting ---


def test_who_deletes_a_targetologist_is_told_which_sales_lose_them(
    alfa: UserAccount, kenesary: Targetologist, sam: Client
) -> None:
    sell(alfa, 5, "tripwire")
    sell(alfa, 6, "tripwire")
    AdSpend.objects.create(
        user_account=alfa, day=date(2026, 3, 1), targetologist=kenesary, amount=Decimal(10), currency="KZT"
    )
    address = f"/admin/analytics/targetologist/{kenesary.pk}/delete/"
    page = body(sam, address)
    assert "Sales: <strong>2</strong>" in page
    assert "Ad spend: <strong>1</strong>" in page
    sam.post(address, {"post": "yes"})
    assert "Client 5" in body(sam, QUEUE)


def test_what_nothing_refers_to_is_deleted_without_a_warning(
    alfa: UserAccount, kenesary: Targetologist, sam: Client
) -> None:
    assert "will belong to none" not in body(sam, f"/admin/analytics/targetologist/{kenesary.pk}/delete/")


# --- Rates ---


@pytest.mark.parametrize("typed", ["15", "10", "1.5"])
def test_who_types_percent_is_told_that_a_rate_is_a_part(alfa: UserAccount, typed: str) -> None:
    owner = member(alfa, Role.OWNER)
    values = {"user_account": alfa.pk, "code": "ref_A", "commission_rate": typed, "default_commission_rate": typed}
    for address in ("/admin/analytics/referrer/add/", "/admin/analytics/moneysettings/add/"):
        assert owner.post(address, values).content.decode().count("for 15 of 100 write 0.15") == 1
