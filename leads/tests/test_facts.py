"""Snapshots laid onto a row: of each value the newest news that told it, and what an erased person's row learns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from leads.deals.facts import lay_contact, lay_deal, settle_utm, utm_place
from leads.models import Lead, UserAccount
from leads.news import ContactSnapshot, DealSnapshot, Utm
from leads.people import pseudonym

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON, LATER = NOON + timedelta(seconds=1), NOON + timedelta(hours=1)
HERS, HIS = "+77015550102", "+77025550103"


def heard(at: datetime | None, price: int, **more: Any) -> DealSnapshot:
    return DealSnapshot(1, updated_at=at, price=Decimal(price), **more)


def read(at: datetime, price: int, *, read_at: datetime = LATER, **more: Any) -> DealSnapshot:
    return heard(at, price, read_at=read_at, **more)


@pytest.mark.parametrize(
    ("snapshots", "price"),
    [
        ([heard(NOON, 1), heard(SOON, 2)], 2),
        ([heard(NOON, 1), read(NOON, 2)], 2),
        ([read(NOON, 1), heard(SOON, 2)], 2),
        ([read(NOON, 1), read(NOON, 2, read_at=LATER + timedelta(seconds=1))], 2),
        ([heard(None, 1), heard(NOON, 2)], 2),
    ],
)
def test_the_newest_news_wins_and_of_one_second_the_latest_reading(snapshots: list[DealSnapshot], price: int) -> None:
    for order in permutations(snapshots):
        together, apart = Lead(), Lead()
        lay_deal(together, order)
        assert together.price == price
        for snapshot in sorted(order, key=lambda one: one.read_at or NOON):  # readings are laid as they were made
            lay_deal(apart, [snapshot])
        assert apart.price == price


def test_hearsay_of_the_second_that_is_known_changes_nothing() -> None:
    lead = Lead()
    lay_deal(lead, [heard(NOON, 1, utm=Utm(source="first"))])
    lay_deal(lead, [heard(NOON, 2, utm=Utm(source="second"))])
    assert (lead.price, lead.deal_utm["source"]) == (Decimal(1), "first")


def test_news_without_a_time_tells_nothing_that_could_be_compared() -> None:
    lead = Lead()
    lay_deal(lead, [heard(None, 1, name="x", utm=Utm(source="x"))])
    assert (lead.price, lead.deal_name, lead.deal_utm) == (None, "", {})


def test_a_second_reading_of_the_same_second_counts() -> None:
    lead = Lead()
    lay_deal(lead, [read(NOON, 1, closed_at=NOON, contact_ids=(5,))])
    lay_deal(lead, [read(NOON, 1, closed_at=None, contact_ids=(6,))])
    assert (lead.amocrm_closed_at, lead.amocrm_contact_id) == (None, 6)
    lay_deal(lead, [read(NOON - timedelta(seconds=1), 1, closed_at=NOON, contact_ids=(7,))])
    assert (lead.amocrm_closed_at, lead.amocrm_contact_id) == (None, 6)


def test_a_name_is_cut_to_its_column() -> None:
    lead = Lead()
    lay_deal(lead, [heard(NOON, 1, name="я" * 501)])
    assert lead.deal_name == "я" * 500


@pytest.mark.parametrize("was_erased", [False, True])
def test_of_an_erased_person_a_deal_learns_pseudonyms_and_no_name(was_erased: bool) -> None:
    account = UserAccount()
    known = pseudonym(account.pk, HERS)
    lead = Lead(contact_phones=[known] if was_erased else [HERS], contact_name="Aigul", deal_name="Aigul's deal")
    news = [ContactSnapshot(5, name="Aigul", phones=(HERS, HIS))]
    lay_contact(lead, news, account, frozenset() if was_erased else frozenset({HERS}))
    assert lead.contact_phones[-2:] == [known, pseudonym(account.pk, HIS)]
    assert (lead.contact_name, lead.contact_phone, lead.deal_name) == ("", "", "")


@pytest.mark.parametrize(
    ("deal", "response", "place"),
    [
        ({"source": "a", "place": "custom fields"}, {"source": "b"}, "custom fields"),
        ({"source": "a"}, {}, ""),
        ({"place": "tags"}, {"content": "b"}, "the ad response"),
        ({}, {}, ""),
    ],
)
def test_where_the_utm_stood(deal: dict[str, str], response: dict[str, str], place: str) -> None:
    lead = Lead(deal_utm=deal, own_utm=response)
    settle_utm(lead)
    assert utm_place(lead) == place
