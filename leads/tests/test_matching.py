"""A deal finds its ad response by phone; the answer depends on what is known, not on the order in which it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leads.deals.matching import DealToMatch, Match, Response, match_deals
from leads.models import MatchMethod
from leads.tests.world import at

AIDA, BOLAT = "+77011111111", "+77022222222"


def deal(deal_id: int, *phones: str, born: int | None = None, tied_to: int | None = None) -> DealToMatch:
    return DealToMatch(deal_id, at(deal_id if born is None else born), at(1000), phones, tied_to)


def test_the_newest_response_of_the_phone_is_taken() -> None:
    found = match_deals([deal(1, AIDA)], [Response(7, AIDA, at(1)), Response(8, AIDA, at(2))])[1]
    assert (found.method, found.lead_id, found.candidates) == (MatchMethod.PHONE, 8, 2)


def test_all_phones_of_the_contact_are_tried() -> None:
    assert match_deals([deal(1, BOLAT, AIDA)], [Response(7, AIDA, at(1))])[1].lead_id == 7


def test_a_second_deal_of_the_phone_is_a_repeat_purchase() -> None:
    found = match_deals([deal(1, AIDA), deal(2, AIDA)], [Response(7, AIDA, at(1))])
    assert found[1].lead_id == 7
    assert (found[2].method, found[2].origin_deal_id) == (MatchMethod.REPEAT, 1)


def test_a_third_deal_has_the_first_as_its_origin_not_the_second() -> None:
    found = match_deals([deal(1, AIDA), deal(2, AIDA), deal(3, AIDA)], [Response(7, AIDA, at(1))])
    assert found[3].origin_deal_id == 1


def test_a_deal_without_a_known_phone_gets_a_row_of_its_own() -> None:
    found = match_deals([deal(1), deal(2, BOLAT)], [Response(7, AIDA, at(1))])
    assert {match.method for match in found.values()} == {MatchMethod.CREATED}


def test_an_older_deal_takes_the_response_back_from_a_younger_one() -> None:
    found = match_deals([deal(2, AIDA, born=5), deal(1, AIDA, born=3)], [Response(7, AIDA, at(1))])
    assert found[1].lead_id == 7
    assert found[2].origin_deal_id == 1


def test_a_response_that_came_after_the_deal_was_met_is_not_its_reason() -> None:
    assert match_deals([deal(1, AIDA)], [Response(7, AIDA, at(2000))])[1].method == MatchMethod.CREATED


def test_a_row_tied_by_id_is_not_given_away() -> None:
    found = match_deals([deal(1, AIDA), deal(5, AIDA, tied_to=7)], [Response(7, AIDA, at(1))])
    assert (found[1].method, found[1].origin_deal_id) == (MatchMethod.REPEAT, 5)
    assert 5 not in found


def test_a_match_says_how_it_was_made() -> None:
    found = match_deals(
        [deal(1, AIDA), deal(2, AIDA), deal(3, AIDA), deal(4, BOLAT), deal(5, BOLAT)], [Response(7, AIDA, at(1))]
    )
    assert list(found.values()) == [
        Match(1, MatchMethod.PHONE, lead_id=7, phone=AIDA, candidates=1),
        Match(2, MatchMethod.REPEAT, origin_deal_id=1, phone=AIDA, candidates=1),
        Match(3, MatchMethod.REPEAT, origin_deal_id=1, phone=AIDA, candidates=2),
        Match(4, MatchMethod.CREATED),
        Match(5, MatchMethod.REPEAT, origin_deal_id=4, phone=BOLAT, candidates=1),
    ]


def test_a_response_of_the_very_moment_in_which_the_deal_was_met_is_its_reason() -> None:
    assert match_deals([deal(1, AIDA)], [Response(7, AIDA, at(1000))])[1].lead_id == 7


def test_a_repeat_comes_from_a_deal_with_an_ad_behind_it_rather_than_from_an_older_one_without() -> None:
    found = match_deals([deal(1, AIDA), deal(2, AIDA, BOLAT), deal(3, AIDA)], [Response(7, BOLAT, at(1))])
    assert [match.method for match in found.values()] == [MatchMethod.CREATED, MatchMethod.PHONE, MatchMethod.REPEAT]
    assert found[3].origin_deal_id == 2


def test_of_several_deals_with_an_ad_behind_them_the_latest_is_a_repeats_origin() -> None:
    found = match_deals([deal(1, AIDA, tied_to=7), deal(2, AIDA, tied_to=8), deal(3, AIDA)], [])
    assert found[3].origin_deal_id == 2


phones = st.sampled_from([AIDA, BOLAT, "+77033333333"])
deals = st.lists(
    st.builds(
        lambda deal_id, phones_since, born, is_tied: DealToMatch(
            deal_id,
            at(born),
            met_at=at(3),
            phones=tuple(phones_since),
            tied_to=deal_id if is_tied else None,
            known_since={phone: at(since) for phone, since in phones_since.items()},
        ),
        st.integers(1, 9),
        st.dictionaries(phones, st.integers(3, 6), max_size=2),
        st.integers(0, 4),
        st.sampled_from([False, False, True]),
    ),
    unique_by=lambda item: item.deal_id,
    max_size=6,
)
responses = st.lists(
    st.builds(lambda pk, phone, when: Response(pk, phone, at(when)), st.integers(1, 9), phones, st.integers(0, 7)),
    unique_by=lambda item: item.lead_id,
    max_size=5,
)


@given(deals, responses, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_no_response_is_given_twice_or_after_its_deal(
    known: list[DealToMatch], found: list[Response], random: object
) -> None:
    matches = match_deals(known, found)
    shuffled, mixed = list(known), list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert match_deals(shuffled, mixed) == matches
    taken = [match.lead_id for match in matches.values() if match.lead_id is not None]
    taken += [deal.tied_to for deal in known if deal.tied_to is not None]
    assert len(taken) == len(set(taken))
    came_at = {response.lead_id: response.created_at for response in found}
    assert all(
        came_at[match.lead_id] <= deal.known_since[match.phone]
        for deal in known
        if deal.tied_to is None and (match := matches[deal.deal_id]).lead_id is not None
    )
