"""A referrer's private page: no login, nobody else's figures, nothing to be found by guessing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from analytics.earning.payout import pay_out
from analytics.earning.referrers import link_token, referrer_save, rotate_link
from analytics.models import Referrer
from analytics.tests.world import by_code, lost, referrer, settle, won
from leads.tests.world import account, contact

pytestmark = pytest.mark.django_db


@pytest.fixture
def aida() -> Referrer:
    alfa = account()
    aida = referrer(alfa, "ref_aida", name="<b>Aida</b>")
    referrer(alfa, "ref_other", name="Other Person")
    settle(
        alfa,
        won(5, 10, 150_000, utm=by_code("ref_aida"), contact_ids=(9,)),
        won(6, 10, 777_000, utm=by_code("ref_other")),
        contact(9, "+77012223344", name="Secret Client"),
    )
    return aida


def page(token: str) -> tuple[int, str]:
    answer = Client().get(f"/r/{token}")
    return answer.status_code, answer.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_it_shows_their_own_figures_and_nobody_elses(aida: Referrer) -> None:
    status, body = page(link_token(aida))
    assert status == 200
    assert "150,000 ₸" in body
    assert "15,000 ₸" in body
    assert "&lt;b&gt;Aida" in body
    for secret in ("Other Person", "777,000", "Secret Client", "77012223344", "ref_other"):
        assert secret not in body


def test_it_shows_payouts_and_debts(aida: Referrer) -> None:
    pay_out(aida.user_account, [aida], timezone.now())
    settle(aida.user_account, lost(5, 20, 150_000))
    _status, body = page(link_token(aida))
    assert "To be set off" in body
    assert "\N{MINUS SIGN}15,000 ₸" in body


def test_payouts_stand_before_a_long_list_of_sales_which_says_where_it_ends(aida: Referrer) -> None:
    pay_out(aida.user_account, [aida], timezone.now())
    _status, body = page(link_token(aida))
    assert 0 < body.index("Payouts") < body.index("Sales by your code")
    assert "The newest" not in body
    settle(aida.user_account, *(won(deal, 30, 1_000, utm=by_code("ref_aida")) for deal in range(100, 200)))
    assert "The newest 100 of 101." in page(link_token(aida))[1]


def test_a_sale_that_kept_its_rate_says_which(aida: Referrer) -> None:
    assert "· 10 %" not in page(link_token(aida))[1].partition("<table>")[2]
    aida.commission_rate = Decimal("0.5")
    referrer_save(aida, ["commission_rate"])
    settle(aida.user_account, won(7, 30, 1_000, utm=by_code("ref_aida")))
    _status, body = page(link_token(aida))
    assert "commission 50 %" in body
    assert '15,000 ₸ <span class="soft">· 10 %' in body
    assert "500 ₸</span></td>" in body


def test_a_forged_or_retired_link_shows_nothing(aida: Referrer) -> None:
    token = link_token(aida)
    assert page(token[:-2] + "xx")[0] == 404
    assert page("1")[0] == 404
    rotate_link(aida)
    status, body = page(token)
    assert status == 404
    assert "150,000" not in body
    assert page(link_token(aida))[0] == 200


def test_it_is_kept_from_caches_search_engines_and_other_sites(aida: Referrer) -> None:
    answer = Client().get(f"/r/{link_token(aida)}")
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer["X-Robots-Tag"]
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy


def test_nothing_can_be_posted_to_it(aida: Referrer) -> None:
    assert Client().post(f"/r/{link_token(aida)}").status_code == 405
