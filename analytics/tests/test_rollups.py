"""Whatever changed, by whichever door, and however far the rollups were folded: they say what the rows say."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.models import (
    ConversionStatus,
    LeadRollup,
    ReferralConversion,
    Referrer,
    RollupState,
    Sale,
    SaleStatus,
    StayRollup,
    Targetologist,
)
from analytics.reports.funnel import funnel
from analytics.reports.queries import LeadCount, MoneySum, lead_counts, sale_sums
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.rollups.checking import check_rollups
from analytics.rollups.folding import day_of, forget, is_folded, refresh
from analytics.rollups.install import install, without_triggers
from analytics.rollups.ledgers import LEDGERS
from analytics.rollups.tending import accounts_in_need, tend
from analytics.rollups.triggers import triggers
from leads.days import midnight
from leads.models import Creative, Direction, Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID

pytestmark = pytest.mark.django_db

# Behind and before UTC, half an hour off, with clocks put forward over midnight, and none of it.
ZONES = ["Asia/Almaty", "America/Los_Angeles", "Asia/Kolkata", "America/Santiago", "UTC"]
# Where clocks were put back, and forward, over midnight by less or more than to it.
ODD_ZONES = ["America/St_Johns", "America/Toronto"]
# In Santiago clocks are put forward on 6 September 2026, when the day begins at 1 o'clock.
BEGIN = datetime(2026, 9, 3, tzinfo=UTC)
DAYS = 6
PIPELINES = (10, 20)
STATUSES = (1, 2, 33, WON_STATUS_ID, LOST_STATUS_ID)


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
        PipelineStage.objects.bulk_create(
            PipelineStage(**mine, pipeline_id=pipeline, status_id=status, sort_order=status, status_name=str(status))
            for pipeline in PIPELINES
            for status in STATUSES
        )
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
            "current_pipeline_id": pick([*PIPELINES, None]),
            "current_status_id": pick([*STATUSES, None]),
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
            self._histories,
            self._histories,
            lambda: self.part(LeadStatusHistory.objects).update(**self._some(self._step())),
            lambda: self.part(LeadStatusHistory.objects).delete(),
            lambda: self.part(PipelineStage.objects).update(sort_order=self.chance.randrange(9)),
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

    def _step(self) -> dict[str, Any]:
        pick = self.chance.choice
        stages = [(pipeline, status) for pipeline in PIPELINES for status in STATUSES]
        (from_pipeline, from_status), (to_pipeline, to_status) = pick([*stages, (None, None)]), pick(stages)
        return {
            "from_pipeline_id": from_pipeline,
            "from_status_id": from_status,
            "to_pipeline_id": to_pipeline,
            "to_status_id": to_status,
            "changed_at": self.moment(),
            "tie": pick([0, 1]),
        }

    def _histories(self) -> None:
        """Several steps of several leads by one statement."""
        LeadStatusHistory.objects.bulk_create(
            LeadStatusHistory(user_account=self.account, lead=lead, amocrm_lead_id=lead.pk, **self._step())
            for lead in self.part(Lead.objects)
            for _ in range(3)
        )

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
            # What a constraint forbids does not happen, and must leave no trace.
            with suppress(Sale.DoesNotExist, IntegrityError), transaction.atomic():
                self.chance.choice(self.changes())()

    def spans(self) -> Iterator[tuple[date | None, date | None]]:
        days: list[date | None] = [BEGIN.date() + timedelta(days=number) for number in range(-1, DAYS + 1)]
        yield None, None
        for _ in range(2):
            yield tuple(sorted(self.chance.sample(days, 2)))  # type: ignore[misc, type-var]


def counted(rows: list[LeadCount]) -> set[tuple[Any, ...]]:
    return {(row.key, row.leads, row.qualified) for row in rows}


def summed(rows: list[MoneySum]) -> set[tuple[Any, ...]]:
    return {(row.key, row.rows, round(row.amount, 2), row.currency, row.day) for row in rows}


def assert_right(world: World) -> None:
    """Every grouping and basis over some spans: the rollups say what the rows say."""
    assert list(map(str, check_rollups(world.account))) == []
    for first, last in world.spans():
        folded = Span(world.account, first, last)
        plain = Span(world.account, first, last, is_plain=True)
        for pipeline_id in PIPELINES:
            assert funnel(folded, pipeline_id) == funnel(plain, pipeline_id)
        for group_by in GroupBy:
            assert counted(lead_counts(folded, group_by)) == counted(lead_counts(plain, group_by))
            for basis in Basis:
                assert summed(sale_sums(folded, group_by, basis)) == summed(sale_sums(plain, group_by, basis))


@pytest.mark.parametrize("zone", ZONES)
def test_rollups_say_what_the_rows_say(zone: str) -> None:
    world = World(random.Random(zone), zone)
    world.live(20)
    refresh(world.account)
    for _ in range(2):
        world.live(25)
        assert is_folded(world.account)
        assert_right(world)
        refresh(world.account)
        assert not any(ledger.rollup.objects.filter(is_folded=False).exists() for ledger in LEDGERS)
        assert_right(world)


@pytest.fixture
def world() -> World:
    """Some lines folded, some loose."""
    world = World(random.Random("world"), "Asia/Almaty")
    world.live(30)
    refresh(world.account)
    world.live(30)
    return world


def test_before_they_are_made_reports_read_the_rows(world: World) -> None:
    RollupState.objects.all().delete()
    assert not is_folded(world.account)
    assert_right(world)
    tend(seconds=60)
    assert is_folded(world.account)
    assert_right(world)
    assert list(accounts_in_need()) == []


def test_the_lines_of_one_account_say_nothing_of_anothers() -> None:
    made, other = (UserAccount.objects.create(name=name) for name in ("Made", "Other"))
    for account in (made, other):
        stands = {"current_pipeline_id": PIPELINES[0], "current_status_id": 1, "amocrm_created_at": BEGIN}
        Lead.objects.create(user_account=account, **stands)
        RollupState.objects.create(user_account=account)
    refresh(made)
    assert (is_folded(made), is_folded(other)) == (True, False)
    assert list(accounts_in_need()) == [other]
    refresh(other)
    assert [*check_rollups(made), *check_rollups(other)] == []


def test_what_came_to_nothing_leaves_no_line() -> None:
    account = UserAccount.objects.create(name="Alfa")
    Lead.objects.create(user_account=account, current_pipeline_id=PIPELINES[0], current_status_id=1)
    refresh(account)
    Lead.objects.all().delete()
    assert LeadRollup.objects.filter(is_folded=False).exists()
    refresh(account)
    assert not any(ledger.rollup.objects.exists() for ledger in LEDGERS)


def test_an_account_whose_days_nobody_can_tell_keeps_no_other_from_its_turn(world: World) -> None:
    UserAccount.objects.create(pk=uuid.UUID(int=1), name="Before all others", timezone="Asia/Atlantis")
    assert world.account in accounts_in_need()
    tend(seconds=60)
    assert world.account not in accounts_in_need()


@pytest.mark.parametrize("change", [{"timezone": "Asia/Kolkata"}, {"currency": "USD"}])
def test_another_time_zone_or_currency_makes_them_anew(world: World, change: dict[str, str]) -> None:
    UserAccount.objects.filter(pk=world.account.pk).update(**change)
    world.account.refresh_from_db()
    assert not is_folded(world.account)
    assert_right(world)
    tend(seconds=60)
    assert is_folded(world.account)
    assert_right(world)


class Killed(BaseException):
    """Nothing catches it."""


def die() -> None:
    raise Killed


@pytest.mark.parametrize("step", range(3, 60, 6))
def test_one_killed_at_any_statement_leaves_them_right(world: World, step: int) -> None:
    left = step

    def die(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Killed
        return execute(*arguments)

    RollupState.objects.filter(pk=world.account.pk).update(timezone="" if step % 2 else world.account.timezone)
    with suppress(Killed), connection.execute_wrapper(die):
        refresh(world.account)
    assert_right(world)
    RollupState.objects.update(lease_until=None)
    refresh(world.account)
    assert is_folded(world.account)
    assert_right(world)


def test_who_lost_the_lease_writes_no_line(world: World) -> None:
    RollupState.objects.filter(pk=world.account.pk).update(lease="0" * 32, lease_until=BEGIN.replace(year=9000))
    before = list(LeadRollup.objects.order_by("pk").values_list("pk", "leads"))
    refresh(world.account)
    assert list(LeadRollup.objects.order_by("pk").values_list("pk", "leads")) == before


@contextmanager
def in_the_middle(work: Callable[[], object]) -> Iterator[None]:
    """Does it once, before the first line that is written."""
    is_done = False

    def once(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal is_done
        if not is_done and "INSERT INTO rollup_" in sql:
            is_done = True
            work()
        return execute(sql, *rest)

    with connection.execute_wrapper(once):
        yield
    assert is_done


def test_of_a_time_zone_put_back_before_all_lines_were_made_anew_none_is_believed(world: World) -> None:
    before = world.account.timezone
    for zone in ("Asia/Kolkata", before):
        UserAccount.objects.filter(pk=world.account.pk).update(timezone=zone)
        world.account.refresh_from_db()
        assert not is_folded(world.account)
        with suppress(Killed), in_the_middle(die):
            refresh(world.account)


def test_who_comes_second_leaves_it_to_the_first(world: World) -> None:
    forget(RollupState.objects.all())
    with in_the_middle(lambda: refresh(world.account)):
        refresh(world.account)
    assert is_folded(world.account)
    assert_right(world)
    assert RollupState.objects.values_list("lease", "lease_until").get() == (None, None), "whoever comes next may begin"


def test_who_loses_the_lease_in_the_middle_leaves_the_rest_to_the_other(world: World) -> None:
    other = uuid.uuid4()
    with in_the_middle(lambda: RollupState.objects.update(lease=other)):
        refresh(world.account)
    assert any(ledger.rollup.objects.filter(is_folded=False).exists() for ledger in LEDGERS)
    assert RollupState.objects.get().lease == other
    assert_right(world)


def test_what_is_to_be_made_anew_stops_whoever_is_at_work(world: World) -> None:
    states = RollupState.objects.filter(user_account=world.account)
    forget(states)
    with in_the_middle(lambda: forget(states)):
        refresh(world.account)
    assert not is_folded(world.account)
    assert_right(world)
    refresh(world.account)
    assert is_folded(world.account)
    assert_right(world)


def test_what_was_written_without_triggers_is_found_out(world: World) -> None:
    """As after a migration that made a table anew on SQLite."""
    lost = triggers(connection.vendor)[0].name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {lost}{' ON leads' if connection.vendor == 'postgresql' else ''}")
    Lead.objects.create(user_account=world.account, **world.lead_values())
    install(connection)
    assert not is_folded(world.account)
    refresh(world.account)
    assert_right(world)
    install(connection)
    assert is_folded(world.account)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="has no TRUNCATE")
@pytest.mark.parametrize("table", ["referral_conversions", "sales", "amocrm_lead_status_history", "leads"])
def test_an_emptied_table_is_found_out(world: World, table: str) -> None:
    mine: dict[str, Any] = {"user_account": world.account}
    lead = Lead.objects.create(**mine, **world.lead_values() | {"is_deleted": False})
    LeadStatusHistory.objects.create(**mine, lead=lead, amocrm_lead_id=5, **world._step())
    sale = Sale.objects.create(**mine, **world.sale_values() | {"lead": lead, "status": SaleStatus.PAID})
    ReferralConversion.objects.create(**mine, sale=sale, referrer=world.referrers[0], status=ConversionStatus.ACTIVE)
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE")
    assert_right(world)
    refresh(world.account)
    assert is_folded(world.account)
    assert_right(world)


def test_much_is_written_without_triggers_and_counted_anew(world: World) -> None:
    with transaction.atomic(), without_triggers(world.account):
        Lead.objects.create(user_account=world.account, **world.lead_values())
    assert not is_folded(world.account)
    refresh(world.account)
    assert_right(world)
    Lead.objects.create(user_account=world.account, **{**world.lead_values(), "is_deleted": False})
    assert LeadRollup.objects.filter(is_folded=False).exists()
    assert_right(world)


def test_two_steps_of_one_second_that_change_places_are_counted_anew(world: World) -> None:
    mine = {"user_account": world.account, "amocrm_lead_id": 5}
    lead = Lead.objects.create(user_account=world.account, **world.lead_values() | {"is_deleted": False})
    ways = [(None, 1, 0, 0), (1, 2, 300, 0), (2, 33, 300, 1)]
    for came_from, went_to, second, tie in ways:
        LeadStatusHistory.objects.create(
            **mine,
            lead=lead,
            from_pipeline_id=came_from and PIPELINES[0],
            from_status_id=came_from,
            to_pipeline_id=PIPELINES[0],
            to_status_id=went_to,
            changed_at=BEGIN + timedelta(seconds=second),
            tie=tie,
        )
    refresh(world.account)
    LeadStatusHistory.objects.filter(lead=lead, to_status_id=2).update(tie=2)
    assert StayRollup.objects.filter(is_folded=False).exists()
    assert_right(world)


def test_a_stage_whose_number_is_part_of_anothers_is_counted_too(world: World) -> None:
    stands = {"is_deleted": False, "current_pipeline_id": PIPELINES[0], "current_status_id": 33}
    lead = Lead.objects.create(user_account=world.account, **world.lead_values() | stands)
    refresh(world.account)
    for status in (33, 3):
        LeadStatusHistory.objects.create(
            user_account=world.account,
            lead=lead,
            amocrm_lead_id=5,
            to_pipeline_id=PIPELINES[0],
            to_status_id=status,
            changed_at=BEGIN + timedelta(seconds=status),
        )
    assert_right(world)


@given(st.integers(-2_000_000_000, 16_000_000_000), st.sampled_from([*ZONES, *ODD_ZONES]))
@example(1_225_593_900, "America/St_Johns")  # 0:01 was put back to 23:01: this is after the day's first midnight
@example(-1_601_752_500, "America/Toronto")  # 23:30 was put forward to 0:30: this is before the midnight that was not
def test_each_moment_is_in_the_day_that_folding_finds_for_it(seconds: int, zone: str) -> None:
    account, at = UserAccount(timezone=zone), datetime.fromtimestamp(seconds, UTC)
    begin, end = day_of(at, account)
    assert begin <= at < end
    day = begin.date()
    assert (begin, end) == (midnight(day, account), midnight(day + timedelta(days=1), account))


def test_the_command_makes_them_anew(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    LeadRollup.objects.update(leads=7)
    call_command("rebuild_rollups", account=str(world.account.pk))
    assert capsys.readouterr().out == '{"accounts": 1}\n'
    assert_right(world)


def test_the_next_day_is_found_by_an_index_and_not_by_the_view_over_all_sales(world: World) -> None:
    """Each day would read all sales after it: three hundred thousand of two years took a quarter of an hour."""
    forget(RollupState.objects.filter(user_account=world.account))
    with CaptureQueriesContext(connection) as captured:
        refresh(world.account)
    looks = [query["sql"] for query in captured if query["sql"].endswith("LIMIT 1")]
    assert looks
    assert not [sql for sql in looks if "_contributions" in sql]
    assert_right(world)


def test_nothing_is_left_of_a_deleted_account(world: World) -> None:
    ReferralConversion.objects.all().delete()
    world.account.delete()
    tend(seconds=60)
    assert not any(ledger.rollup.objects.exists() for ledger in LEDGERS)


def test_long_stays_of_busy_days_are_rounded_to_within_a_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.rollups.ledgers.EXACT_STAYS", 2)
    account = UserAccount.objects.create(name="Busy")
    PipelineStage.objects.create(user_account=account, pipeline_id=10, status_id=1)
    for number, seconds in enumerate([5, 99, 101, 12_345, 7_654_321]):
        lead = Lead.objects.create(user_account=account, amocrm_created_at=BEGIN)
        for stage, moment in enumerate([BEGIN, BEGIN + timedelta(seconds=seconds)]):
            LeadStatusHistory.objects.create(
                user_account=account,
                lead=lead,
                amocrm_lead_id=number,
                from_pipeline_id=10 if stage else None,
                from_status_id=1 if stage else None,
                to_pipeline_id=10,
                to_status_id=stage + 1,
                changed_at=moment,
            )
    exact = sorted(Span(account, is_plain=True).stay_lines().values_list("seconds", flat=True))
    for _again in range(3):
        refresh(account)
        Lead.objects.create(user_account=account, amocrm_created_at=BEGIN)
        rounded = sorted(Span(account).stay_lines().values_list("seconds", flat=True))
        assert rounded[:2] == exact[:2]
        assert rounded == [pytest.approx(length, rel=0.0101, abs=0.5) for length in exact]
        assert rounded != exact
