"""Who is credited with a deal, by its UTM and by the hooks that told of it. The reason is read by people."""

from __future__ import annotations

import pytest

from analytics.routing import Buyer, Route, buyers_of, route
from analytics.tests.world import buyer
from leads.news import Utm
from leads.tests.world import account

KENESARY = Buyer(1, "Kenesary 👑", ("tripwire", "kenji"))
MUHA = Buyer(2, "Muha 🚀", ("on ai", "запуск"))
BUYERS = [KENESARY, MUHA]


@pytest.mark.parametrize(
    ("utm", "expected"),
    [
        (
            Utm(source="fb", campaign="spring_TripWire_2"),
            Route("traffic", "traffic: 'tripwire' in utm_campaign → Kenesary 👑", 1),
        ),
        (Utm(source="FB Запуск"), Route("traffic", "traffic: 'запуск' in utm_source → Muha 🚀", 2)),
        (Utm(source="REF_Aida"), Route("referral", "referral: utm_source REF_Aida", None, "REF_Aida")),
        (
            Utm(source="ref_aida", campaign="on ai"),
            Route("both", "referral: utm_source ref_aida; traffic: 'on ai' in utm_campaign → Muha 🚀", 2, "ref_aida"),
        ),
        (Utm(), Route("unknown", "unknown: the deal has no UTM")),
        (
            Utm(source="google", campaign="brand"),
            Route("unknown", "unknown: no pattern in utm_campaign 'brand' or utm_source 'google'"),
        ),
        (
            Utm(medium="cpc", content="tripwire", term="tripwire"),
            Route("unknown", "unknown: the deal has neither utm_campaign nor utm_source"),
        ),
        (Utm(source="google"), Route("unknown", "unknown: no pattern in utm_source 'google'")),
        (Utm(campaign="brand"), Route("unknown", "unknown: no pattern in utm_campaign 'brand'")),
    ],
)
def test_a_deal_is_routed_by_its_utm(utm: Utm, expected: Route) -> None:
    assert route(utm, BUYERS) == expected


def test_the_campaign_is_searched_for_everybody_before_the_source_is_for_anybody() -> None:
    assert route(Utm(source="tripwire", campaign="on ai"), BUYERS).targetologist_id == MUHA.id


def test_among_patterns_of_one_text_the_order_of_the_targetologists_decides() -> None:
    utm = Utm(campaign="on ai tripwire")
    assert route(utm, BUYERS).targetologist_id == KENESARY.id
    assert route(utm, BUYERS[::-1]).targetologist_id == MUHA.id


def test_a_referral_code_is_not_searched_for_patterns() -> None:
    assert route(Utm(source="ref_tripwire"), BUYERS).decision == "referral"
    assert route(Utm(source="ref_tripwire"), BUYERS, takes_referral=False).decision == "unknown"


def test_a_code_has_its_prefix_in_front() -> None:
    assert route(Utm(source="my_ref_aida"), BUYERS).decision == "unknown"


@pytest.mark.parametrize(
    ("utm", "takes_referral", "takes_traffic", "expected"),
    [
        (
            Utm(source="ref_a", campaign="kenji"),
            True,
            False,
            Route("referral", "referral: utm_source ref_a", None, "ref_a"),
        ),
        (
            Utm(source="ref_a", campaign="kenji"),
            False,
            True,
            Route("traffic", "traffic: 'kenji' in utm_campaign → Kenesary 👑", 1),
        ),
        (
            Utm(source="fb", campaign="kenji"),
            True,
            False,
            Route("unknown", "unknown: only the referral hook tells of the deal, and 'fb' is no referral code"),
        ),
        (
            Utm(source="REF_a", campaign="brand"),
            False,
            True,
            Route(
                "unknown", "unknown: no pattern in utm_campaign 'brand', and only the traffic hook tells of the deal"
            ),
        ),
        (
            Utm(source="fb", campaign="brand"),
            False,
            True,
            Route("unknown", "unknown: no pattern in utm_campaign 'brand' or utm_source 'fb'"),
        ),
    ],
)
def test_a_dedicated_hook_takes_only_its_own_kind(
    utm: Utm, takes_referral: bool, takes_traffic: bool, expected: Route
) -> None:
    assert route(utm, BUYERS, takes_referral=takes_referral, takes_traffic=takes_traffic) == expected


@pytest.mark.django_db
def test_the_accounts_own_targetologists_are_asked_in_their_order_and_an_empty_pattern_fits_nothing() -> None:
    alfa = account()
    second = buyer(alfa, "Muha", "On AI", " ", "", position=2, emoji="🚀")
    first = buyer(alfa, "Kenesary", "TRIPWIRE", position=1)
    buyer(account(name="Beta"), "Theirs", "tripwire")
    assert buyers_of(alfa) == [Buyer(first.pk, "Kenesary", ("tripwire",)), Buyer(second.pk, "Muha 🚀", ("on ai",))]
