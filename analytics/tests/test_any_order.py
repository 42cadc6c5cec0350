"""Law 2 for money: whatever the order and the repetition of news and whoever told them, the same money comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.earning.checking import check_ledger
from analytics.models import ReferralConversion, Sale
from analytics.tests.world import LOST, OPEN, REFERRAL, TRAFFIC, UNIFIED, WON, buyer, earned, referrer, settle
from leads.models import UserAccount
from leads.news import DealSnapshot, Utm
from leads.tests.world import PIPELINE, account, at, read

pytestmark = pytest.mark.django_db

DEALS = (5, 6)
UTMS = (
    Utm(source="ref_a", campaign="tripwire"),
    Utm(source="REF_B"),
    Utm(source="ref_unknown"),
    Utm(source="fb", campaign="tripwire"),
    Utm(source="google_organic"),
)
FEW = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Moment:
    """What the CRM has of a deal from a second on. A deal in the bin is only readable as deleted."""

    deal_id: int
    second: int
    status_id: int
    price: int
    utm: Utm
    is_deleted: bool

    @property
    def reading(self) -> DealSnapshot:
        """The CRM's own word at that moment; nobody reads the past."""
        return read(
            self.deal_id,
            self.status_id,
            self.second,
            price=Decimal(self.price),
            utm=self.utm,
            is_deleted=self.is_deleted,
            read_at=at(self.second) + timedelta(milliseconds=500),
            closed_at=at(self.second) if self.status_id in (WON, LOST) else None,
        )

    @property
    def hearsay(self) -> DealSnapshot:
        return DealSnapshot(
            self.deal_id,
            updated_at=at(self.second),
            pipeline_id=PIPELINE,
            status_id=self.status_id,
            price=Decimal(self.price),
            utm=self.utm,
        )


moments = st.builds(
    Moment,
    deal_id=st.sampled_from(DEALS),
    second=st.integers(1, 60),
    status_id=st.sampled_from([OPEN, WON, WON, LOST]),
    price=st.sampled_from([0, 100, 333, 1000]),
    utm=st.sampled_from(UTMS),
    is_deleted=st.booleans(),
)
lives = st.lists(moments, min_size=1, max_size=8, unique_by=lambda m: (m.deal_id, m.second))
hook_sets = st.sets(st.sampled_from([UNIFIED, TRAFFIC, REFERRAL]), max_size=3)


def world() -> UserAccount:
    owner = account()
    referrer(owner, "ref_a", commission_rate=Decimal("0.1"))
    referrer(owner, "ref_b", commission_rate=Decimal("0.333"))
    buyer(owner, "Kenesary", "tripwire")
    return owner


def outcome(owner: UserAccount) -> Any:
    """All that is left of the news in the end. A cancelled sale and none are one: neither is worth anything."""
    paid = Sale.objects.filter(user_account=owner, status="paid").order_by("amocrm_deal_id")
    sales = list(
        paid.values_list("amocrm_deal_id", "amount", "sold_at", "utm_source", "routing_decision", "targetologist__name")
    )
    conversions = ReferralConversion.objects.filter(user_account=owner).exclude(status="reversed")
    credited = sorted(conversions.values_list("sale__amocrm_deal_id", "code", "referrer__code", "status"))
    return sales, credited, earned(owner)


def present(life: Sequence[Moment]) -> list[Moment]:
    newest = {moment.deal_id: moment for moment in sorted(life, key=lambda moment: moment.second)}
    return list(newest.values())


@FEW
@given(life=lives, hooks=st.fixed_dictionaries(dict.fromkeys(DEALS, hook_sets)), data=st.data())
def test_any_order_and_repetition_gives_the_same_money(life: list[Moment], hooks: Any, data: st.DataObject) -> None:
    expected = outcome(told_at_once(world(), life, hooks))

    owner = world()
    told = [moment for moment in life for _again in range(data.draw(st.integers(0, 2)))]
    for moment in data.draw(st.permutations(told)):
        hook = data.draw(st.sampled_from(sorted(hooks[moment.deal_id]) or [""]))
        # A reading tells the present, however old the news for whose sake it is made.
        was_read = data.draw(st.booleans())
        current = next(now for now in present(life) if now.deal_id == moment.deal_id)
        settle(owner, moment.hearsay, *([current.reading] if was_read else []), hooks=(hook,) if hook else ())
    told_at_once(owner, life, hooks)
    assert outcome(owner) == expected
    assert list(check_ledger(owner)) == []


@FEW
@given(life=lives, data=st.data())
def test_a_life_followed_step_by_step_ends_as_one_met_at_its_end(life: list[Moment], data: st.DataObject) -> None:
    hooks = {deal_id: {UNIFIED} for deal_id in DEALS}
    expected = outcome(told_at_once(world(), present(life), hooks))
    owner = world()
    for moment in sorted(life, key=lambda moment: moment.second):
        for _again in range(data.draw(st.integers(1, 2))):
            settle(owner, moment.hearsay)
            settle(owner, moment.reading, hooks=data.draw(st.sampled_from([(), (UNIFIED,)])))
            assert list(check_ledger(owner)) == []
    assert Sale.objects.filter(user_account=owner).count() <= len(DEALS)
    told_at_once(owner, life, hooks)
    assert outcome(owner) == expected


def told_at_once(owner: UserAccount, life: Sequence[Moment], hooks: Any) -> UserAccount:
    """Every moment told by every hook of its deal, and the present read: what all orders have to come to."""
    for deal_id in DEALS:
        of_deal = [moment for moment in life if moment.deal_id == deal_id]
        news = [moment.hearsay for moment in of_deal] + [moment.reading for moment in present(of_deal)]
        settle(owner, *news, hooks=tuple(hooks[deal_id]))
    return owner
