"""Sales follow their deals: one per deal, recorded on the CRM's own word."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from analytics.earning.purchases import purchase_save
from analytics.earning.settle import settle_deals
from analytics.models import DealTelling, Sale, SaleStatus
from analytics.tests.world import LOST, OPEN, WON, buyer, deleted, lost, sale_of, settle, won
from leads.deals.tying import tie_deal
from leads.models import Lead, PipelineStage
from leads.news import Utm
from leads.tests.world import PIPELINE, account, apply, at, contact, read, response, told

pytestmark = pytest.mark.django_db

AIDA = "+77011111111"


def test_a_won_deal_is_one_paid_sale() -> None:
    alfa = account()
    PipelineStage.objects.create(user_account=alfa, pipeline_id=PIPELINE, pipeline_name="Имплантация", status_id=WON)
    utm = Utm(source="fb", campaign="tripwire", place="field UTM_SOURCE")
    settled = settle(
        alfa,
        won(5, 10, "100000.50", contact_ids=(9,), utm=utm),
        contact(9, "8 701 111 11 11", name="Aida"),
        currency="USD",
    )
    sale = sale_of(5)
    assert [first.pk for first in settled.first_paid] == [sale.pk]
    assert (sale.status, sale.amount, sale.currency, sale.product) == (
        "paid",
        Decimal("100000.50"),
        "USD",
        "Имплантация",
    )
    assert (sale.client_name, sale.client_phone, sale.sold_at) == ("Aida", AIDA, at(10))
    assert (sale.utm_source, sale.utm_campaign, sale.utm_place) == ("fb", "tripwire", "field UTM_SOURCE")
    assert (sale.amocrm_pipeline_id, sale.amocrm_status_id, sale.lead) == (PIPELINE, WON, Lead.objects.get())


def test_the_product_is_the_pipeline_as_it_is_called_now_though_an_archived_stage_has_its_old_name() -> None:
    alfa = account()
    for status_id, name, is_archived in ((7, "Implants", False), (8, "Teeth", True), (9, "", False)):
        PipelineStage.objects.create(
            user_account=alfa, pipeline_id=PIPELINE, pipeline_name=name, status_id=status_id, is_archived=is_archived
        )
    settle(alfa, won(5, 10))
    assert sale_of(5).product == "Implants"


def test_while_amocrms_currency_is_not_known_a_sale_is_in_the_accounts_own() -> None:
    settle(account(currency="USD"), won(5, 10), currency="")
    assert sale_of(5).currency == "USD"


@pytest.mark.parametrize(
    ("of_contact", "of_response", "shown"),
    [("Aida K", "aida", "Aida K"), ("", "aida", "aida"), ("", "", "Implant, Aida")],
)
def test_a_sale_names_its_client_as_the_contact_is_called_else_the_response_else_the_deal(
    of_contact: str, of_response: str, shown: str
) -> None:
    alfa = account()
    response(alfa, AIDA, name=of_response)
    settle(alfa, won(5, 10, contact_ids=(9,), name="Implant, Aida"), contact(9, AIDA, name=of_contact))
    assert sale_of(5).client_name == shown


def test_a_deal_whose_name_is_longer_than_a_clients_may_be_is_sold_all_the_same() -> None:
    alfa = account()
    response(alfa, AIDA, name="")
    settle(alfa, won(5, 10, contact_ids=(9,), name="Implant " * 60), contact(9, AIDA))
    assert sale_of(5).client_name == ("Implant " * 60)[:300]


def test_a_phone_that_nobody_can_read_is_shown_as_the_client_wrote_it() -> None:
    alfa = account()
    lead = Lead.objects.create(user_account=alfa, source="website", phone="ring my mother")
    with transaction.atomic():
        tie_deal(alfa, lead, 5, contact_id=9, created_at=at(5), detail="made of it", now=timezone.now())
    settle(alfa, won(5, 10))
    assert (sale_of(5).client_phone, sale_of(5).client_phones) == ("ring my mother", [])


def test_without_a_closing_time_it_was_sold_when_it_was_updated() -> None:
    alfa = account()
    settle(alfa, won(5, 10, closed_at=None))
    assert sale_of(5).sold_at == at(10)


def test_the_same_news_again_changes_nothing() -> None:
    alfa = account()
    news = won(5, 10)
    settle(alfa, news)
    before = Sale.objects.values().get()
    again = settle(alfa, news)
    assert (again.first_paid, again.changed) == ((), ())
    assert Sale.objects.values().get() == before


@pytest.mark.parametrize("price", [None, Decimal(0)])
def test_a_won_deal_is_paid_whatever_its_price(price: Decimal | None) -> None:
    settle(account(), read(5, WON, 10, price=price, closed_at=at(10)))
    assert (sale_of(5).status, sale_of(5).amount) == ("paid", Decimal(0))


def test_hearsay_of_a_win_is_no_sale_until_the_deal_was_read() -> None:
    alfa = account()
    settle(alfa, read(5, OPEN, 10))
    assert settle(alfa, told(5, WON, 20, price=Decimal(7))).first_paid == ()
    assert not Sale.objects.exists()
    assert len(settle(alfa, won(5, 20, 7)).first_paid) == 1


def test_a_win_that_was_undone_before_it_could_be_read_leaves_no_sale() -> None:
    alfa = account()
    settle(alfa, told(5, WON, 20), read(5, OPEN, 30), won(6, 30))
    assert Sale.objects.get() == sale_of(6), "nor does it keep another's from being recorded"


def test_a_price_change_after_winning_changes_the_sale() -> None:
    alfa = account()
    settle(alfa, won(5, 10, 100))
    settled = settle(alfa, won(5, 20, 150, closed_at=at(10)))
    assert (sale_of(5).amount, sale_of(5).sold_at) == (Decimal(150), at(10))
    assert settled.first_paid == ()


def test_a_price_that_only_a_hook_told_is_not_yet_money() -> None:
    alfa = account()
    settle(alfa, won(5, 10, 100))
    settle(alfa, told(5, WON, 20, price=Decimal(150)))
    assert sale_of(5).amount == Decimal(100)
    settle(alfa, won(5, 20, 150))
    assert sale_of(5).amount == Decimal(150)


def test_a_price_that_the_crm_confirms_is_money_though_the_hooks_clock_is_ahead() -> None:
    alfa = account()
    settle(alfa, won(5, 10, 100))
    settle(alfa, told(5, WON, 21, price=Decimal(150)), won(5, 20, 150))
    assert sale_of(5).amount == Decimal(150)


def test_a_sale_begins_with_the_newest_price_also_where_the_reading_is_not_as_new() -> None:
    alfa = account()
    settle(alfa, told(5, WON, 30, price=Decimal(150)), won(5, 20, 100))
    assert sale_of(5).amount == Decimal(150)


def test_a_price_that_a_later_reading_does_not_name_is_the_one_that_a_hook_told() -> None:
    alfa = account()
    settle(alfa, won(5, 10, 100))
    settle(alfa, told(5, WON, 20, price=Decimal(150)), read(5, WON, 30, price=None))
    assert sale_of(5).amount == Decimal(150)


def test_a_purchase_by_hand_follows_its_client_to_the_response_that_brought_him() -> None:
    alfa = account()
    ad = response(alfa, AIDA)
    settle(alfa, read(5, OPEN, 10, contact_ids=(7,)), contact(7))
    own = Lead.objects.get(amocrm_lead_id=5)
    purchase_save(Sale(user_account=alfa, lead=own, amount=Decimal(500), currency="KZT", sold_at=at(20)))
    settle(alfa, contact(7, AIDA))
    ad.refresh_from_db()
    assert (ad.amocrm_lead_id, Sale.objects.get().lead) == (5, ad)


def test_what_a_purchase_leaves_open_is_its_leads_and_what_was_entered_stays() -> None:
    alfa = account()
    ad = response(alfa, AIDA, name="Aida", utm_source="fb", utm_campaign="tripwire")
    common = {"user_account": alfa, "lead": ad, "amount": Decimal(500), "currency": "KZT", "sold_at": at(20)}
    typed = {"client_name": "Bota", "client_phone": "8 702 222 22 22", "utm_source": "ig"}
    left, entered = (purchase_save(Sale(**common, **values)) for values in ({}, typed))
    assert (left.client_name, left.client_phone, left.utm_source, left.utm_campaign) == ("Aida", AIDA, "fb", "tripwire")
    assert {name: getattr(entered, name) for name in typed} == typed
    assert entered.utm_campaign == "", "the UTM are of one place"


def test_a_purchase_with_another_campaign_is_routed_anew() -> None:
    alfa = account()
    kenesary = buyer(alfa, "Kenesary", "tripwire")
    sale = Sale(user_account=alfa, amount=Decimal(500), currency="KZT", sold_at=at(20), utm_source="fb")
    assert purchase_save(sale).targetologist is None
    sale.utm_campaign = "tripwire_spring"
    purchase_save(sale, {"utm_campaign"})
    assert (Sale.objects.get().targetologist, Sale.objects.get().routing_decision) == (kenesary, "traffic")


def test_un_won_is_cancelled_and_won_again_paid_but_only_once_new() -> None:
    alfa = account()
    settle(alfa, won(5, 10))
    settle(alfa, lost(5, 20))
    assert (sale_of(5).status, sale_of(5).amocrm_status_id, sale_of(5).sold_at) == ("cancelled", LOST, at(10))
    assert settle(alfa, won(5, 30)).first_paid == ()
    assert (sale_of(5).status, sale_of(5).sold_at) == ("paid", at(30))


def test_hearsay_of_un_winning_leaves_the_sale_until_the_deal_was_read() -> None:
    alfa = account()
    settle(alfa, won(5, 10))
    settle(alfa, told(5, LOST, 20))
    assert sale_of(5).status == SaleStatus.PAID
    settle(alfa, lost(5, 20))
    assert sale_of(5).status == SaleStatus.CANCELLED


def test_deleting_cancels_and_restoring_brings_back() -> None:
    alfa = account()
    settle(alfa, won(5, 10))
    settle(alfa, deleted(5, 20))
    assert sale_of(5).status == SaleStatus.CANCELLED
    settle(alfa, won(5, 30, closed_at=at(10)))
    assert sale_of(5).status == SaleStatus.PAID


def test_deleting_cancels_also_where_a_hook_has_told_of_a_later_stage_meanwhile() -> None:
    alfa = account()
    settle(alfa, won(5, 10))
    settle(alfa, told(5, OPEN, 20))
    assert sale_of(5).status == SaleStatus.PAID
    settle(alfa, deleted(5, 30))
    assert sale_of(5).status == SaleStatus.CANCELLED


def test_a_sale_follows_its_deal_into_the_row_of_its_response() -> None:
    alfa = account()
    lead = response(alfa, AIDA)
    settle(alfa, won(5, 10, contact_ids=(9,)))
    assert sale_of(5).lead_id not in (None, lead.pk)
    settle(alfa, contact(9, AIDA, name="Aida"), hooks=())
    assert (sale_of(5).lead, sale_of(5).client_phone, sale_of(5).client_name) == (lead, AIDA, "Aida")
    assert Lead.objects.count() == 1


def test_a_sale_knows_whether_a_sync_met_it_first() -> None:
    alfa = account()
    settle(alfa, won(5, 10), hooks=())
    settle(alfa, won(6, 10))
    settle(alfa, won(5, 20), hooks=("amocrm",))
    assert (sale_of(5).is_met_by_sync, sale_of(6).is_met_by_sync) == (True, False)


def test_accounts_have_sales_of_their_own() -> None:
    alfa, beta = account(), account(name="Beta")
    settle(alfa, won(5, 10, 1))
    settle(beta, won(5, 10, 2))
    assert dict(Sale.objects.values_list("user_account__name", "amount")) == {"Alfa": 1, "Beta": 2}


def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    alfa = account()
    settle(alfa, *(won(deal_id, 10, utm=Utm(source="ref_a")) for deal_id in range(1, 101)))
    with django_assert_max_num_queries(28):
        settle(alfa, *(won(deal_id, 20, 7, utm=Utm(source="ref_b")) for deal_id in range(1, 101)))


def test_deals_without_money_cost_one_cheap_statement(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    alfa = account()
    hooks = {deal_id: frozenset({"amocrm"}) for deal_id in range(1, 101)}
    changes = apply(alfa, *(read(deal_id, OPEN, 10) for deal_id in hooks))
    settle_deals(alfa, changes, told_by=hooks, currency="KZT", is_sync=False, now=timezone.now())
    assert DealTelling.objects.count() == 100
    with django_assert_num_queries(1):
        settle_deals(alfa, changes, told_by=hooks, currency="KZT", is_sync=False, now=timezone.now())


@pytest.mark.parametrize("view", ["all_sales_tracking", "purchases"])
def test_the_old_systems_views_show_the_sales(view: str) -> None:
    settle(account(), won(5, 10, 250))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT amocrm_deal_id, amount, currency, status FROM {view}")
        [(deal_id, amount, currency, status)] = cursor.fetchall()
    assert (deal_id, Decimal(str(amount)), currency, status) == (5, Decimal(250), "KZT", "paid")
