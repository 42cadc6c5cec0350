"""Whatever changed, by whichever door, and however far the rollups were folded: they say what the rows say."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from analytics.models import (
    ConversionStatus,
    LeadRollup,
    ReferralConversion,
    Referrer,
    Sale,
    SaleRollup,
    SaleStatus,
    Targetologist,
)
from analytics.reports.queries import LeadCount, MoneySum, lead_counts, sale_sums
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.rollups.folding import is_folded, refresh
from leads.models import Creative, Direction, Lead, UserAccount

pytestmark = pytest.mark.django_db

# Behind and before UTC, half an hour off, with clocks put forward over midnight, and none of it.
ZONES = ["Asia/Almaty", "America/Los_Angeles", "Asia/Kolkata", "America/Santiago", "UTC"]
# In Santiago clocks are put forward on 6 September 2026, when the day begins at 1 o'clock.
BEGIN = datetime(2026, 9, 3, tzinfo=UTC)
DAYS = 6


class World:
    """An account in which anything may happen to leads, sales and conversions."""

    def __init__(self, chance: random.Random, zone: str) -> None:
        self.chance = chance
        self.account = UserAccount.objects.create(name="Changing", timezone=zone)
        mine = {"user_account": self.account}
        self.directions = [Direction.objects.create(**mine, name=name) for name in ("School", "Camp")]
        self.creatives = [
            Creative.objects.create(**mine, name=str(number), direction=direction)
            for number, direction in enumerate([*self.directions, None])
        ]
        self.targetologists = [
            Targetologist.objects.create(**mine, name=name, patterns=[name.lower()]) for name in ("Muha", "Traf")
        ]
        self.referrers = [Referrer.objects.create(**mine, code=f"ref_{name}") for name in ("aida", "bota")]

    def moment(self) -> datetime:
        return BEGIN + timedelta(minutes=self.chance.randrange(DAYS * 24 * 60))

    def lead_values(self) -> dict[str, Any]:
        pick = self.chance.choice
        return {
            "amocrm_created_at": self.moment(),
            "creative": pick([*self.creatives, None]),
            "direction": pick([*self.directions, None]),
            "utm_source": pick(["fb", "traf", "ref_aida", "REF_bota", ""]),
            "utm_campaign": pick(["Muha", "muha", "spring", ""]),
            "is_qualified": pick([True, False]),
            "is_deleted": pick([True, False, False]),
        }

    def sale_values(self) -> dict[str, Any]:
        pick = self.chance.choice
        return {
            "lead": pick([*Lead.objects.filter(user_account=self.account), None]),
            "sold_at": self.moment(),
            "amount": Decimal(self.chance.randrange(10**6)) / 100,
            "currency": pick(["KZT", "KZT", "USD"]),
            "status": pick([SaleStatus.PAID, SaleStatus.PAID, *SaleStatus]),
            "utm_campaign": pick(["Muha", "muha", "spring", ""]),
            "targetologist": pick([*self.targetologists, None]),
        }

    def part(self, rows: Any, most: int = 4) -> Any:
        """Some of the account's rows."""
        keys = list(rows.filter(user_account=self.account).values_list("pk", flat=True))
        return rows.filter(pk__in=self.chance.sample(keys, min(len(keys), self.chance.randrange(1, most))))

    def changes(self) -> list[Callable[[], object]]:
        mine = {"user_account": self.account}
        leads, sales, conversions = Lead.objects, Sale.objects, ReferralConversion.objects
        return [
            lambda: leads.bulk_create([Lead(**mine, **self.lead_values()) for _ in range(3)]),
            lambda: sales.bulk_create([Sale(**mine, **self.sale_values()) for _ in range(3)]),
            lambda: sales.create(**mine, **self.sale_values()),
            lambda: self.part(leads).update(**self._some(self.lead_values())),
            lambda: self.part(sales).update(**self._some(self.sale_values())),
            lambda: self._upsert(leads, self.lead_values),
            lambda: self._upsert(sales, self.sale_values),
            lambda: self.part(leads).delete(),
            lambda: self.part(sales, 3).delete(),
            lambda: self.part(conversions).delete(),
            lambda: self.part(conversions).update(**self._credit()),
            lambda: conversions.create(
                **mine, sale=self.part(sales.filter(conversion=None), 2).get(), code="ref_", **self._credit()
            ),
            lambda: self.part(Creative.objects, 2).update(direction=self.chance.choice([*self.directions, None])),
            lambda: self._raw("UPDATE leads SET is_qualified = NOT is_qualified, phone = 'raw'"),
            lambda: self._raw("UPDATE sales SET lead_id = NULL, amount = amount + 1"),
        ]

    def _some(self, values: dict[str, Any]) -> dict[str, Any]:
        return dict(self.chance.sample(sorted(values.items()), self.chance.randrange(1, 4)))

    def _credit(self) -> dict[str, Any]:
        return {
            "referrer": self.chance.choice([*self.referrers, None]),
            "status": self.chance.choice(ConversionStatus.values),
        }

    def _upsert(self, rows: Any, values: Callable[[], dict[str, Any]]) -> None:
        """As the drain saves: known rows and a new one by one statement."""
        changed = list(self.part(rows))
        for row in [*changed, fresh := rows.model(user_account=self.account, pk=10**9 + self.chance.randrange(10**9))]:
            for name, value in values().items():
                setattr(row, name, value)
        rows.bulk_create([*changed, fresh], update_conflicts=True, unique_fields=["id"], update_fields=list(values()))

    def _raw(self, statement: str) -> None:
        with connection.cursor() as cursor:
            table = statement.split()[1]
            modulo = self.chance.randrange(2)
            cursor.execute(f"{statement} WHERE {table}.id % 2 = {modulo}")

    def live(self, changes: int) -> None:
        for _ in range(changes):
            with suppress(Sale.DoesNotExist), transaction.atomic():
                self.chance.choice(self.changes())()

    def spans(self) -> Iterator[tuple[date | None, date | None]]:
        days: list[date | None] = [BEGIN.date() + timedelta(days=number) for number in range(-1, DAYS + 1)]
        yield None, None
        for _ in range(3):
            yield tuple(sorted(self.chance.sample(days, 2)))  # type: ignore[misc, type-var]


def counted(rows: list[LeadCount]) -> set[tuple[Any, ...]]:
    return {(row.key, row.leads, row.qualified) for row in rows}


def summed(rows: list[MoneySum]) -> set[tuple[Any, ...]]:
    return {(row.key, row.rows, round(row.amount, 2), row.currency, row.day) for row in rows}


def assert_right(world: World) -> None:
    """Every grouping and basis over some spans: the rollups say what the rows say."""
    for first, last in world.spans():
        folded = Span(world.account, first, last)
        plain = Span(world.account, first, last, is_plain=True)
        for group_by in GroupBy:
            assert counted(lead_counts(folded, group_by)) == counted(lead_counts(plain, group_by))
            for basis in Basis:
                assert summed(sale_sums(folded, group_by, basis)) == summed(sale_sums(plain, group_by, basis))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", range(3))
def test_rollups_say_what_the_rows_say(zone: str, seed: int) -> None:
    world = World(random.Random(f"{zone} {seed}"), zone)
    world.live(10)
    refresh(world.account)
    for _ in range(4):
        world.live(15)
        assert is_folded(world.account)
        assert_right(world)
        refresh(world.account)
        assert not LeadRollup.objects.filter(is_folded=False).exists()
        assert not SaleRollup.objects.filter(is_folded=False).exists()
        assert_right(world)
