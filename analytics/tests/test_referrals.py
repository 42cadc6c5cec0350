"""Referral conversions and the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.earning.checking import check_ledger
from analytics.earning.purchases import purchase_save
from analytics.earning.referrers import referrer_save
from analytics.models import (
    LedgerIsAppendOnly,
    MoneySettings,
    ReferralConversion,
    ReferralEarning,
    Referrer,
    Sale,
)
from analytics.tests.world import (
    CODE,
    REFERRAL,
    TRAFFIC,
    UNIFIED,
    buyer,
    by_code,
    deleted,
    earned,
    ledger,
    lost,
    referrer,
    sale_of,
    settle,
    won,
)
from leads.models import Lead
from leads.news import Utm
from leads.tests.world import account, contact, read, response

pytestmark = pytest.mark.django_db

AIDA = "+77011111111"


def conversion() -> ReferralConversion:
    return ReferralConversion.objects.get()


def test_a_sale_by_a_code_is_a_conversion_and_earns_the_rate() -> None:
    alfa = account()
    aida = referrer(alfa, commission_rate=Decimal("0.1"))
    settle(alfa, won(5, 10, 150_000, utm=by_code()))
    assert (conversion().referrer, conversion().status, conversion().code) == (aida, "active", CODE)
    assert (sale_of(5).routing_decision, sale_of(5).targetologist) == ("referral", None)
    assert sale_of(5).routing_reason == f"referral: utm_source {CODE}"
    assert ledger(alfa) == [(CODE, "accrual", Decimal("15000.00"))]


def test_codes_match_in_any_case_and_are_kept_as_sent() -> None:
    alfa = account()
    referrer(alfa, "ref_Аида")
    settle(alfa, won(5, 10, utm=by_code("REF_АИДА")))
    assert (conversion().status, conversion().code) == ("active", "REF_АИДА")


def test_a_second_referrer_of_a_code_is_refused_in_any_case() -> None:
    alfa = account()
    referrer(alfa, "ref_Аида")
    with pytest.raises(IntegrityError), transaction.atomic():
        referrer(alfa, "REF_аида")
    referrer(account(name="Beta"), "ref_Аида")


@pytest.mark.parametrize(
    ("amount", "rate", "due"),
    [("0.05", "0.1", "0.01"), ("0.15", "0.1", "0.02"), ("100.05", "0.1", "10.01"), ("33.33", "0.0333", "1.11")],
)
def test_commission_is_half_up_to_the_cent(amount: str, rate: str, due: str) -> None:
    alfa = account()
    referrer(alfa, commission_rate=Decimal(rate))
    settle(alfa, won(5, 10, amount, utm=by_code()))
    assert earned(alfa) == {CODE: Decimal(due)}


def test_the_accounts_default_rate_is_for_who_has_none_and_is_kept_with_the_sale() -> None:
    alfa = account()
    MoneySettings.objects.create(user_account=alfa, default_commission_rate=Decimal("0.05"))
    referrer(alfa)
    settle(alfa, won(5, 10, 1000, utm=by_code()))
    MoneySettings.objects.update(default_commission_rate=Decimal("0.5"))
    settle(alfa, won(5, 20, 2000, utm=by_code()))
    assert ledger(alfa) == [(CODE, "accrual", 50), (CODE, "adjustment", 50)]


def test_the_ledger_follows_the_deals_life() -> None:
    alfa = account()
    referrer(alfa)
    life = (won(5, 10, 1000, utm=by_code()), won(5, 20, 1500), lost(5, 30, 1500), won(5, 40, 1500), deleted(5, 50))
    for news in life:
        settle(alfa, news)
        settle(alfa, news)
    assert ledger(alfa) == [
        (CODE, "accrual", 100),
        (CODE, "adjustment", 50),
        (CODE, "reversal", -150),
        (CODE, "accrual", 150),
        (CODE, "reversal", -150),
    ]
    assert conversion().status == "reversed"
    assert list(check_ledger(alfa)) == []


def test_each_line_says_why_it_is_there_and_at_which_rate() -> None:
    alfa = account()
    referrer(alfa, "ref_a", commission_rate=Decimal("0.1"))
    referrer(alfa, "ref_b", commission_rate=Decimal("0.2"))
    utm = by_code("ref_a")
    life = (
        won(5, 10, 1000, utm=utm),
        won(5, 20, 1500),
        lost(5, 30, 1500),
        won(5, 40),
        won(5, 50, utm=by_code("ref_b")),
    )
    for news in life:
        settle(alfa, news)
    lines: Any = ReferralEarning.objects.order_by("sequence").values_list("sequence", "reason", "commission_rate")
    assert list(lines) == [
        (1, "sale of 1000.00 KZT", Decimal("0.1")),
        (2, "the amount is now 1500.00 KZT", Decimal("0.1")),
        (3, "the sale was cancelled", Decimal("0.1")),
        (4, "sale of 100000.00 KZT", Decimal("0.1")),
        (5, "no longer theirs", Decimal("0.1")),
        (6, "sale of 100000.00 KZT", Decimal("0.2")),
    ]


def test_what_is_taken_back_of_a_purchase_says_why() -> None:
    alfa = account()
    referrer(alfa)
    sale = Sale(user_account=alfa, amount=Decimal("500.00"), currency="KZT", sold_at=timezone.now(), utm_source=CODE)
    for changes in ({}, {"currency": "USD"}, {"status": "pending"}):
        for name, value in changes.items():
            setattr(sale, name, value)
        purchase_save(sale, changes)
    lines: Any = ReferralEarning.objects.order_by("sequence").values_list("amount", "currency", "reason")
    assert list(lines) == [
        (50, "KZT", "sale of 500.00 KZT"),
        (-50, "KZT", "the sale is in another currency now"),
        (50, "USD", "sale of 500.00 USD"),
        (-50, "USD", "the sale is not paid yet"),
    ]


@pytest.mark.parametrize("typed", ["1234.5", "1234.500000", "1.2345E+3"])
def test_an_amount_in_a_reason_is_written_with_its_cents(typed: str) -> None:
    alfa = account()
    referrer(alfa)
    values = {"amount": Decimal(typed), "currency": "KZT", "sold_at": timezone.now(), "utm_source": CODE}
    purchase_save(Sale(user_account=alfa, **values))
    assert ReferralEarning.objects.get().reason == "sale of 1234.50 KZT"


def test_what_one_loses_stands_before_what_another_gets_and_who_has_it_follows_the_price() -> None:
    alfa = account()
    referrer(alfa, "ref_a", commission_rate=Decimal("0.1"))
    referrer(alfa, "ref_b", commission_rate=Decimal("0.1"))
    settle(alfa, won(5, 10, 1000, utm=by_code("ref_a")))
    settle(alfa, won(5, 20, 1000, utm=by_code("ref_b")))
    settle(alfa, won(5, 30, 1500))
    settle(alfa, won(5, 40, 1500, utm=by_code("ref_a")))
    assert ledger(alfa)[1:] == [
        ("ref_a", "reversal", -100),
        ("ref_b", "accrual", 100),
        ("ref_b", "adjustment", 50),
        ("ref_b", "reversal", -150),
        ("ref_a", "accrual", 150),
    ]


def test_a_free_sale_earns_nothing_until_it_costs_something() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, 0, utm=by_code()))
    assert (ledger(alfa), conversion().status) == ([], "active")
    settle(alfa, won(5, 20, 100))
    assert ledger(alfa) == [(CODE, "accrual", 10)]


def test_an_unknown_code_waits() -> None:
    alfa = account()
    settle(alfa, won(5, 10, utm=by_code()))
    assert (conversion().status, conversion().referrer) == ("waiting", None)
    assert ledger(alfa) == []


def test_a_code_is_that_of_a_referrer_of_the_same_account() -> None:
    alfa, beta = account(), account(name="Beta")
    referrer(beta)
    settle(alfa, won(5, 10, utm=by_code()))
    assert (conversion().status, conversion().referrer) == ("waiting", None)
    assert ledger(beta) == []


def test_neither_a_sale_without_a_code_nor_one_that_is_not_paid_yet_is_a_conversion() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, utm=Utm(source="fb")), won(6, 10, utm=by_code()))
    entered: dict[str, Any] = {"amount": Decimal(500), "currency": "KZT", "sold_at": timezone.now(), "utm_source": CODE}
    purchase_save(Sale(user_account=alfa, status="pending", **entered))
    assert conversion().sale == sale_of(6)


def test_a_referrers_own_phone_earns_nothing() -> None:
    alfa = account()
    referrer(alfa, phone="8 (701) 111-11-11")
    settle(alfa, won(5, 10, contact_ids=(9,), utm=by_code()), contact(9, "+7 702 000 00 00", AIDA))
    assert conversion().status == "self_referral"
    assert ledger(alfa) == []


def test_a_phone_that_turns_out_to_be_the_referrers_takes_the_commission_back() -> None:
    alfa = account()
    referrer(alfa, phone=AIDA)
    settle(alfa, won(5, 10, 100, contact_ids=(9,), utm=by_code()))
    settle(alfa, contact(9, AIDA))
    assert ledger(alfa) == [(CODE, "accrual", 10), (CODE, "reversal", -10)]


def test_another_code_takes_from_one_and_gives_to_the_other() -> None:
    alfa = account()
    referrer(alfa, "ref_a", commission_rate=Decimal("0.1"))
    referrer(alfa, "ref_b", commission_rate=Decimal("0.2"))
    settle(alfa, won(5, 10, 100, utm=by_code("ref_a")))
    settle(alfa, won(5, 20, 100, utm=by_code("ref_b")))
    assert ledger(alfa) == [("ref_a", "accrual", 10), ("ref_a", "reversal", -10), ("ref_b", "accrual", 20)]
    assert ReferralConversion.objects.count() == 1


def test_whoever_a_sale_is_found_to_be_of_after_another_earns_at_their_own_rate() -> None:
    alfa = account()
    referrer(alfa, "ref_a", commission_rate=Decimal("0.1"))
    settle(alfa, won(5, 10, 100, utm=by_code("ref_a")))
    settle(alfa, won(5, 20, 100, utm=by_code("ref_b")))
    assert (conversion().status, earned(alfa)) == ("waiting", {})
    referrer_save(Referrer(user_account=alfa, code="ref_b", commission_rate=Decimal("0.5")))
    assert earned(alfa) == {"ref_b": 50}


def test_a_sale_that_comes_by_its_referrers_new_code_keeps_the_rate_that_it_had() -> None:
    alfa = account()
    aida = referrer(alfa, "ref_a", commission_rate=Decimal("0.1"))
    settle(alfa, won(5, 10, 100, utm=by_code("ref_a")))
    aida.code, aida.commission_rate = "ref_b", Decimal("0.5")
    referrer_save(aida, {"code", "commission_rate"})
    settle(alfa, won(5, 20, 200, utm=by_code("ref_b")))
    assert ledger(alfa) == [("ref_b", "accrual", 10), ("ref_b", "adjustment", 10)]


def test_utm_that_are_no_code_any_more_reverse_the_conversion() -> None:
    alfa = account()
    referrer(alfa)
    buyer(alfa, "Kenesary", "tripwire")
    settle(alfa, won(5, 10, 100, utm=by_code()))
    settle(alfa, won(5, 20, 100, utm=Utm(source="fb", campaign="tripwire")))
    assert (conversion().status, sale_of(5).routing_decision) == ("reversed", "traffic")
    assert earned(alfa) == {}


def test_another_currency_is_another_purse() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()), currency="KZT")
    settle(alfa, won(5, 20, 100), currency="USD")
    lines: Any = ReferralEarning.objects.order_by("id").values_list("kind", "amount", "currency")
    assert list(lines) == [("accrual", 10, "KZT"), ("reversal", -10, "KZT"), ("accrual", 10, "USD")]


def test_a_deal_of_both_shows_as_both_and_each_has_their_part() -> None:
    alfa = account()
    referrer(alfa)
    kenesary = buyer(alfa, "Kenesary", "tripwire", emoji="👑")
    settle(alfa, won(5, 10, 100, utm=by_code(campaign="tripwire_test")))
    assert (sale_of(5).routing_decision, sale_of(5).targetologist) == ("both", kenesary)
    assert earned(alfa) == {CODE: 10}


@pytest.mark.parametrize(
    ("hooks", "decision"),
    [
        ([UNIFIED], "both"),
        ([TRAFFIC], "traffic"),
        ([REFERRAL], "referral"),
        ([TRAFFIC, REFERRAL], "both"),
        ([REFERRAL, TRAFFIC], "both"),
        ([TRAFFIC, UNIFIED], "both"),
        ([], "both"),
        (["", TRAFFIC], "traffic"),
        ([TRAFFIC, ""], "traffic"),
    ],
)
@pytest.mark.parametrize("before_winning", [True, False])
def test_a_sale_takes_the_kinds_of_all_hooks_that_told_of_the_deal(
    hooks: list[str], decision: str, before_winning: bool
) -> None:
    """`""` is a sync, which says nothing about kinds."""
    alfa = account()
    referrer(alfa)
    buyer(alfa, "Kenesary", "tripwire")
    utm = by_code(campaign="tripwire")
    for second, hook in enumerate(hooks):
        is_last = second == len(hooks) - 1
        news = won(5, 10 + second, 100, utm=utm) if is_last or not before_winning else read(5, 1, 10 + second, utm=utm)
        settle(alfa, news, hooks=(hook,) if hook else ())
    if not hooks:
        settle(alfa, won(5, 10, 100, utm=utm), hooks=())
    assert sale_of(5).routing_decision == decision
    assert earned(alfa) == ({} if decision == "traffic" else {CODE: 10})


def test_what_another_accounts_hooks_told_of_a_deal_of_that_number_says_nothing_of_ours() -> None:
    alfa, beta = account(), account(name="Beta")
    for owner, hook in ((beta, TRAFFIC), (alfa, REFERRAL)):
        buyer(owner, "Kenesary", "tripwire")
        settle(owner, won(5, 10, 100, utm=by_code(campaign="tripwire")), hooks=(hook,))
    assert Sale.objects.get(user_account=alfa).routing_decision == "referral"


def test_a_merge_takes_the_conversion_along() -> None:
    alfa = account()
    referrer(alfa)
    lead = response(alfa, AIDA)
    settle(alfa, won(5, 10, 100, contact_ids=(9,), utm=by_code()))
    settle(alfa, contact(9, AIDA))
    assert conversion().sale.lead == lead
    assert ledger(alfa) == [(CODE, "accrual", 10)]


def test_lines_of_the_ledger_are_neither_changed_nor_deleted() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()))
    line = ReferralEarning.objects.get()
    line.amount = Decimal(1_000_000)
    for forbidden in (
        line.save,
        line.delete,
        ReferralEarning.objects.all().delete,
        lambda: ReferralEarning.objects.update(amount=0),
        lambda: line.save(update_fields=["amount"]),
    ):
        with pytest.raises(LedgerIsAppendOnly):
            forbidden()
    ReferralEarning.objects.update(paid_at=timezone.now())
    assert earned(alfa) == {CODE: 10}


def test_two_who_append_the_same_line_meet_at_the_constraint() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()))
    twin = ReferralEarning.objects.get()
    twin.pk, twin._state.adding = None, True
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def test_an_account_goes_with_its_ledger() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()))
    alfa.delete()
    assert not ReferralEarning.objects.exists()
    assert not Referrer.objects.exists()


def test_the_check_finds_a_sum_that_is_not_what_it_should_be() -> None:
    alfa = account()
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()))
    sale = sale_of(5)
    type(sale).objects.filter(pk=sale.pk).update(amount=Decimal(200))
    [difference] = check_ledger(alfa)
    assert difference.sale_id == sale.pk
    assert "add up to 10.00 KZT, due are 20.00" in difference.what


def test_the_check_finds_a_line_that_is_missing_and_a_sale_that_is_no_conversion() -> None:
    alfa, beta = account(), account(name="Beta")
    aida, other = referrer(alfa), Utm(source="fb")
    settle(alfa, won(5, 10, 100, utm=by_code("ref_unknown")), won(6, 10, utm=other), won(8, 10, utm=other))
    settle(alfa, won(7, 10, utm=by_code()), hooks=(TRAFFIC,))
    settle(alfa, lost(8, 20))
    assert list(check_ledger(alfa)) == []
    ReferralConversion.objects.update(referrer=aida, status="active", commission_rate=Decimal("0.1"))
    Sale.objects.filter(amocrm_deal_id__in=(6, 8)).update(utm_source=CODE)
    found = {difference.sale_id: difference.what for difference in check_ledger(alfa)}
    assert set(found) == {sale_of(5).pk, sale_of(6).pk}
    assert "add up to 0 KZT, due are 10.00" in found[sale_of(5).pk]
    assert found[sale_of(6).pk] == f"came by {CODE} and has no conversion"
    assert list(check_ledger(beta)) == []


def test_a_purchase_of_a_lead_with_the_referrers_second_phone_earns_nothing() -> None:
    alfa = account()
    referrer(alfa, phone="+77012222222")
    settle(alfa, won(5, 10, utm=by_code(), contact_ids=(9,)), contact(9, "+77011111111", "+77012222222"))
    lead = Lead.objects.get()
    purchase_save(Sale(user_account=alfa, lead=lead, amount=Decimal(500), currency="KZT", sold_at=timezone.now()))
    assert [one.status for one in ReferralConversion.objects.all()] == ["self_referral"] * 2
    assert earned(alfa) == {}
