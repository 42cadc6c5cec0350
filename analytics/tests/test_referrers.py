"""Keeping referrers, paying them out, and what is left as a debt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.earning.payout import Balance, balances, main_balance, pay_lines, pay_out
from analytics.earning.referrers import CodeTaken, link_token, referrer_of_token, referrer_save, rotate_link
from analytics.models import ReferralConversion, ReferralEarning, Referrer
from analytics.tests.world import CODE, by_code, earned, ledger, lost, referrer, settle, won
from leads.models import UserAccount
from leads.tests.world import account, contact

pytestmark = pytest.mark.django_db

AIDA = "+77011111111"


@pytest.fixture
def alfa() -> UserAccount:
    return account()


def new(owner: UserAccount, code: str = CODE, **values: object) -> Referrer:
    return referrer_save(Referrer(user_account=owner, code=code, **values))


def balance(person: Referrer) -> tuple[Any, Any, Any]:
    sums = main_balance(balances([person.pk])[person.pk], person.user_account)
    return sums.accrued, sums.paid, sums.balance


def test_a_new_referrer_earns_by_the_sales_that_waited_for_the_code(alfa: UserAccount) -> None:
    settle(alfa, won(5, 10, 100, utm=by_code("REF_test123")), won(6, 10, 100, utm=by_code("ref_other")))
    settle(alfa, won(7, 10, 100, utm=by_code()))
    settle(alfa, lost(7, 20))
    new(alfa)
    statuses = dict(ReferralConversion.objects.values_list("sale__amocrm_deal_id", "status"))
    assert statuses == {5: "active", 6: "waiting", 7: "reversed"}
    assert earned(alfa) == {CODE: 10}
    settle(alfa, won(7, 30, 100))
    assert earned(alfa) == {CODE: 20}


def test_a_code_that_changes_takes_up_waiting_sales_and_keeps_what_was_credited(alfa: UserAccount) -> None:
    aida = new(alfa, "ref_a")
    settle(alfa, won(5, 10, 100, utm=by_code("ref_a")), won(6, 10, 100, utm=by_code("ref_b")))
    aida.code = "ref_B"
    referrer_save(aida, ["code"])
    assert earned(alfa) == {"ref_B": 20}
    settle(alfa, won(5, 20, 200, utm=by_code("ref_a")))
    assert earned(alfa) == {"ref_B": 30}


def test_a_code_of_another_case_is_taken(alfa: UserAccount) -> None:
    new(alfa)
    with pytest.raises(CodeTaken):
        new(alfa, CODE.lower())
    assert Referrer.objects.count() == 1


def test_learning_a_referrers_phone_takes_back_their_own_purchases(alfa: UserAccount) -> None:
    aida = new(alfa)
    settle(alfa, won(5, 10, 100, contact_ids=(9,), utm=by_code()), contact(9, AIDA))
    aida.phone = "8 701 111 11 11"
    referrer_save(aida, ["phone"])
    assert ReferralConversion.objects.get().status == "self_referral"
    assert earned(alfa) == {}


def test_a_referrer_whose_phone_was_mistyped_earns_by_what_was_taken_for_their_own(alfa: UserAccount) -> None:
    aida = new(alfa, phone=AIDA)
    settle(alfa, won(5, 10, 100, contact_ids=(9,), utm=by_code()), contact(9, AIDA))
    assert earned(alfa) == {}
    aida.phone = ""
    referrer_save(aida, ["phone"])
    assert ReferralConversion.objects.get().status == "active"
    assert earned(alfa) == {CODE: 10}


def test_a_new_name_or_rate_looks_at_no_sale_that_is_credited_already(
    alfa: UserAccount,
) -> None:
    aida = new(alfa)
    settle(alfa, *(won(5 + number, 10, 100, utm=by_code()) for number in range(3)))
    aida.name, aida.commission_rate = "Aida", Decimal("0.5")
    with CaptureQueriesContext(connection) as queries:
        referrer_save(aida, ["name", "commission_rate"])
    assert not [query["sql"] for query in queries if "referral_earnings" in query["sql"]]


def test_paying_out_and_the_debt_that_a_reversal_leaves(alfa: UserAccount) -> None:
    aida = new(alfa)
    settle(alfa, won(5, 10, 1000, utm=by_code()))
    [paid] = pay_out(alfa, [aida], timezone.now())
    assert (paid.amount, paid.currency) == (Decimal("100.00"), "KZT")
    assert balance(aida) == (100, 100, 0)
    assert pay_out(alfa, [aida], timezone.now()) == []
    settle(alfa, lost(5, 20))
    assert ledger(alfa) == [(CODE, "accrual", 100), (CODE, "reversal", -100)]
    assert balance(aida) == (0, 100, -100)
    assert pay_out(alfa, [aida], timezone.now()) == []
    settle(alfa, won(6, 30, 1500, utm=by_code()))
    [paid] = pay_out(alfa, [aida], timezone.now())
    assert paid.amount == Decimal("50.00")
    assert balance(aida) == (150, 150, 0)


def test_each_is_paid_what_they_are_owed_in_each_currency_and_a_debt_in_another_stays(alfa: UserAccount) -> None:
    aida, bota = new(alfa), new(alfa, "ref_bota")
    settle(alfa, won(5, 10, 1000, utm=by_code()), won(6, 10, 500, utm=by_code("ref_bota")))
    settle(alfa, won(7, 10, 2000, utm=by_code()), currency="USD")
    paid = pay_out(alfa, [aida], timezone.now())
    assert [(one.amount, one.currency) for one in paid] == [(Decimal(100), "KZT"), (Decimal(200), "USD")]
    settle(alfa, lost(5, 20))
    settle(alfa, won(8, 30, 3, utm=by_code()), currency="USD")
    paid = pay_out(alfa, [aida], timezone.now())
    assert [(one.amount, one.currency) for one in paid] == [(Decimal("0.30"), "USD")]
    assert balance(aida) == (0, 100, -100)
    assert balances([aida.pk])[aida.pk][1] == Balance("USD", Decimal("200.30"), Decimal("200.30"))
    assert balance(bota) == (50, 0, 50)


def test_the_main_sum_is_in_the_accounts_currency_or_in_the_only_other(alfa: UserAccount) -> None:
    usd, euro, tenge = (Balance(currency, Decimal(1)) for currency in ("USD", "EUR", "KZT"))
    assert main_balance([usd, tenge], alfa) == tenge
    assert main_balance([usd], alfa) == usd
    assert main_balance([usd, euro], alfa) == main_balance([], alfa) == Balance("KZT")


def test_single_lines_are_paid_once(alfa: UserAccount) -> None:
    new(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()), won(6, 10, 100, utm=by_code()))
    ids = list(ReferralEarning.objects.values_list("pk", flat=True))
    assert pay_lines(alfa, ids[:1], timezone.now()) == 1
    assert pay_lines(alfa, ids, timezone.now()) == 1


def test_another_accounts_referrers_are_not_paid(alfa: UserAccount) -> None:
    beta = account(name="Beta")
    theirs = referrer(beta)
    settle(beta, won(5, 10, 100, utm=by_code()))
    assert pay_out(alfa, [theirs], timezone.now()) == []
    assert pay_lines(alfa, list(ReferralEarning.objects.values_list("pk", flat=True)), timezone.now()) == 0


def test_a_link_opens_its_referrers_page_until_it_is_rotated(alfa: UserAccount) -> None:
    aida, bota = new(alfa), new(alfa, "ref_bota")
    token = link_token(aida)
    assert referrer_of_token(token) == aida
    for forged in (token[:-1], f"{aida.pk}.1~x", "", "1", f"{aida.pk + 1}{token[len(str(aida.pk)) :]}"):
        assert referrer_of_token(forged) is None
    rotate_link(aida)
    assert referrer_of_token(token) is None
    assert referrer_of_token(link_token(aida)) == aida
    assert referrer_of_token(link_token(bota)) == bota, "nobody else's is rotated"
