"""`check_rollups` tells rollups that say what the rows say from those that do not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import F

from analytics.models import LeadRollup, RollupState
from analytics.models.rollups import LeadPath, LeadStay, PathRollup, SaleRollup, StayRollup
from analytics.rollups.folding import refresh
from analytics.tests.test_rollups import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """Some lines folded, some loose."""
    world = World(random.Random("checked"), "Asia/Almaty")
    world.live(30)
    refresh(world.account)
    world.live(30)
    return world


def changed_by_hand(world: World) -> list[Callable[[], object]]:
    """Ways in which lines come to say what the rows do not."""
    day = timedelta(days=1)
    return [
        lambda: LeadRollup.objects.filter(leads__gt=0)[:1].get().delete(),
        lambda: LeadRollup.objects.filter(pk=LeadRollup.objects.earliest("pk").pk).update(qualified=F("qualified") + 1),
        lambda: SaleRollup.objects.filter(pk=SaleRollup.objects.latest("pk").pk).update(at=F("at") + day),
        lambda: SaleRollup.objects.filter(amount__gt=0)[:1].get().delete(),
        lambda: PathRollup.objects.filter(leads__gt=0)[:1].get().delete(),
        lambda: StayRollup.objects.filter(stays__gt=0)[:1].get().delete(),
        lambda: LeadStay.objects.filter(pk=LeadStay.objects.latest("pk").pk).update(seconds=F("seconds") + 1),
        lambda: LeadPath.objects.latest("pk").delete(),
    ]


def checked(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, int], int, str]:
    """What the command prints, its exit code, and its stderr."""
    code = 0
    try:
        call_command("check_rollups")
    except SystemExit as exit_:
        code = int(str(exit_.code))
    told = capsys.readouterr()
    return json.loads(told.out), code, told.err


def test_the_check_finds_nothing_where_only_the_triggers_wrote(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(capsys) == ({"accounts": 1, "folded": 1, "differences": 0}, 0, "")
    refresh(world.account)
    assert checked(capsys) == ({"accounts": 1, "folded": 1, "differences": 0}, 0, "")


@pytest.mark.parametrize("way", range(8))
def test_the_check_notices_a_line_changed_by_hand(world: World, capsys: pytest.CaptureFixture[str], way: int) -> None:
    refresh(world.account)
    changed_by_hand(world)[way]()
    answer, code, told = checked(capsys)
    assert (answer["differences"] > 0, code) == (True, 1)
    assert len(told.splitlines()) == answer["differences"]
    assert "Changing: " in told
    call_command("rebuild_rollups")
    capsys.readouterr()
    assert checked(capsys)[1] == 0


def test_the_check_asks_nothing_of_lines_that_nobody_reads(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    LeadRollup.objects.all().delete()
    RollupState.objects.all().delete()
    assert checked(capsys) == ({"accounts": 1, "folded": 0, "differences": 0}, 0, "")
