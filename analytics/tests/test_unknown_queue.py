"""Sales that nobody is credited with: assigned by hand, or by a pattern whose effect was seen beforehand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models.signals import post_init

from analytics.earning.patterns import PreviewStale, overlaps, pattern_change, sales_assign, sales_moved_by
from analytics.models import Sale, Targetologist
from analytics.routing import buyers_of
from analytics.tests.world import (
    CODE,
    REFERRAL,
    TRAFFIC,
    UNIFIED,
    buyer,
    by_code,
    earned,
    referrer,
    sale_of,
    settle,
    won,
)
from leads.models import UserAccount
from leads.news import Utm
from leads.tests.world import account

pytestmark = pytest.mark.django_db


@pytest.fixture
def alfa() -> UserAccount:
    return account()


@pytest.fixture
def kenesary(alfa: UserAccount) -> Targetologist:
    return buyer(alfa, "Kenesary", "tripwire", emoji="👑", position=1)


def sell(owner: UserAccount, deal_id: int, campaign: str, source: str = "fb", seconds: int = 10) -> None:
    settle(owner, won(deal_id, seconds, 100, utm=Utm(source=source, campaign=campaign)))


def test_routing_and_its_reason_stand_on_the_sale(alfa: UserAccount, kenesary: Targetologist) -> None:
    sell(alfa, 5, "Tripwire_test")
    sell(alfa, 6, "", "google_organic")
    assert (sale_of(5).routing_decision, sale_of(5).targetologist) == ("traffic", kenesary)
    assert sale_of(5).routing_reason == "traffic: 'tripwire' in utm_campaign → Kenesary 👑"
    assert (sale_of(6).routing_decision, sale_of(6).targetologist) == ("unknown", None)
    assert "google_organic" in sale_of(6).routing_reason


def test_a_pattern_edited_later_moves_no_past_sale_by_itself(alfa: UserAccount, kenesary: Targetologist) -> None:
    sell(alfa, 5, "spring")
    sell(alfa, 6, "tripwire")
    kenesary.patterns = ["spring"]
    kenesary.save()
    for deal_id, campaign in ((5, "spring"), (6, "tripwire")):
        settle(alfa, won(deal_id, 20, 200, utm=Utm(source="fb", campaign=campaign)))
    assert (sale_of(5).targetologist, sale_of(6).targetologist) == (None, kenesary)
    assert sale_of(5).amount == Decimal(200)


def test_other_utm_are_routed_by_the_patterns_of_now(alfa: UserAccount, kenesary: Targetologist) -> None:
    sell(alfa, 5, "spring")
    sell(alfa, 5, "tripwire", seconds=20)
    assert sale_of(5).targetologist == kenesary


def test_what_was_assigned_by_hand_stays_whatever_the_news(alfa: UserAccount, kenesary: Targetologist) -> None:
    muha = buyer(alfa, "Muha", "spring")
    sell(alfa, 5, "autumn")
    assert sales_assign(alfa, [sale_of(5).pk], muha) == 1
    sell(alfa, 5, "tripwire", seconds=20)
    assert (sale_of(5).targetologist, sale_of(5).routing_decision) == (muha, "traffic")
    assert "by hand → Muha" in sale_of(5).routing_reason
    sales_assign(alfa, [sale_of(5).pk], None)
    assert sale_of(5).targetologist == kenesary


def test_a_referral_that_is_assigned_is_of_both(alfa: UserAccount, kenesary: Targetologist) -> None:
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()))
    sales_assign(alfa, [sale_of(5).pk], kenesary)
    settle(alfa, won(5, 20, 200))
    assert sale_of(5).routing_decision == "both"
    assert earned(alfa) == {CODE: 20}


def test_the_preview_shows_what_a_pattern_would_move_and_applying_moves_exactly_that(
    alfa: UserAccount, kenesary: Targetologist
) -> None:
    muha = buyer(alfa, "Muha", "spring", position=2)
    sell(alfa, 5, "ВЕСНА 2026")
    sell(alfa, 6, "весна spring")  # muha's until an earlier targetologist has a pattern in it
    sell(alfa, 7, "autumn")
    sell(alfa, 8, "весна")
    sales_assign(alfa, [sale_of(8).pk], muha)
    moved = sales_moved_by(kenesary, "Весна")
    assert {move.sale.amocrm_deal_id for move in moved} == {5, 6}
    assert sale_of(5).targetologist is None
    assert pattern_change(kenesary, "Весна", [move.sale.pk for move in moved]) == 2
    owners = [sale_of(deal_id).targetologist for deal_id in (5, 6, 7, 8)]
    assert owners == [kenesary, kenesary, None, muha]
    assert sale_of(5).routing_reason == "traffic: 'весна' in utm_campaign → Kenesary 👑"
    kenesary.refresh_from_db()
    assert kenesary.patterns == ["tripwire", "Весна"]


def test_a_preview_reads_the_sales_that_a_pattern_concerns_and_no_others(
    alfa: UserAccount, kenesary: Targetologist
) -> None:
    """An account's whole past took a minute, of a web process that takes in deliveries, too."""
    sell(alfa, 5, "spring")
    sell(alfa, 6, "", "Spring_mail")
    for deal_id in range(10, 20):
        sell(alfa, deal_id, f"autumn_{deal_id}")
    read: list[int | None] = []

    def note(instance: Sale, **_more: Any) -> None:
        read.append(instance.amocrm_deal_id)

    post_init.connect(note, sender=Sale)
    try:
        moved = sales_moved_by(kenesary, "sPring")
    finally:
        post_init.disconnect(note, sender=Sale)
    assert sorted(move.sale.amocrm_deal_id or 0 for move in moved) == [5, 6]
    assert sorted(deal_id or 0 for deal_id in read) == [5, 6]


def test_a_later_targetologists_pattern_takes_nothing_from_an_earlier_one(
    alfa: UserAccount, kenesary: Targetologist
) -> None:
    muha = buyer(alfa, "Muha", position=2)
    sell(alfa, 5, "tripwire_spring")
    assert sales_moved_by(muha, "spring") == []


def test_a_pattern_is_not_added_when_it_would_move_other_sales_than_were_shown(
    alfa: UserAccount, kenesary: Targetologist
) -> None:
    sell(alfa, 5, "spring")
    shown = [move.sale.pk for move in sales_moved_by(kenesary, "spring")]
    sell(alfa, 6, "spring")
    with pytest.raises(PreviewStale):
        pattern_change(kenesary, "spring", shown)
    kenesary.refresh_from_db()
    assert kenesary.patterns == ["tripwire"]
    assert sale_of(5).targetologist is None


def test_another_accounts_sales_are_never_moved(alfa: UserAccount, kenesary: Targetologist) -> None:
    beta = account(name="Beta")
    sell(beta, 5, "spring")
    assert sales_moved_by(kenesary, "spring") == []
    assert sales_assign(alfa, [sale_of(5).pk], kenesary) == 0


def test_a_pattern_that_can_never_win_is_warned_about(alfa: UserAccount, kenesary: Targetologist) -> None:
    buyer(alfa, "Muha", "tripwire_spring", "own", position=2)
    [overlap] = overlaps(buyers_of(alfa))
    assert (overlap.earlier_pattern, overlap.later, overlap.pattern) == ("tripwire", "Muha", "tripwire_spring")


@pytest.mark.parametrize(
    ("hooks", "utm", "why"),
    [
        (
            (REFERRAL,),
            Utm(source="fb", campaign="tripwire"),
            "only the referral hook tells of the deal, and 'fb' is no",
        ),
        ((TRAFFIC,), Utm(source="ref_A", campaign="x"), "'x', and only the traffic hook tells of the deal"),
        ((UNIFIED,), Utm(source="fb", campaign="x"), "no pattern in utm_campaign 'x' or utm_source 'fb'"),
        ((REFERRAL,), Utm(), "the deal has no UTM"),
    ],
)
def test_the_reason_says_what_a_dedicated_hook_did_not_take(
    alfa: UserAccount, kenesary: Targetologist, hooks: tuple[str, ...], utm: Utm, why: str
) -> None:
    settle(alfa, won(5, 1, utm=utm), hooks=hooks)
    assert sale_of(5).routing_decision == "unknown"
    assert why in sale_of(5).routing_reason


def test_a_sale_of_a_targetologist_who_was_deleted_is_routed_anew(alfa: UserAccount, kenesary: Targetologist) -> None:
    settle(alfa, won(5, 1, utm=Utm(source="google")))
    muha = buyer(alfa, "Muha")
    sales_assign(alfa, [sale_of(5).pk], muha)
    muha.delete()
    settle(alfa, won(5, 2, utm=Utm(source="fb", campaign="tripwire")))
    assert sale_of(5).targetologist == kenesary
