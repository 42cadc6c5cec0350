"""Whether what a hook said of a deal bears the change that a sync has found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import SyncGap
from integrations.sync.hearing import Hearing, tells
from leads.news import DealAction

CHANGED = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEARNT = CHANGED + timedelta(hours=1)
BEFORE, AFTER = LEARNT - timedelta(minutes=1), LEARNT + timedelta(minutes=1)


def heard(action: str, received_at: datetime, at: datetime | None = CHANGED) -> Hearing:
    return Hearing(5, DealAction(action), at, 10, 20, received_at)


@pytest.mark.parametrize(
    ("what", "one", "is_told"),
    [
        ("created", heard("add", AFTER), True),
        ("created", heard("update", BEFORE), True),  # by itself it would have made the lead
        ("created", heard("update", AFTER), False),  # the lead was there by then
        ("created", heard("delete", BEFORE, None), False),
        ("deleted", heard("delete", AFTER, None), True),
        ("deleted", heard("update", BEFORE), False),
        ("restored", heard("restore", AFTER), True),
        ("price", heard("update", AFTER), True),
        ("price", heard("update", BEFORE, CHANGED + timedelta(seconds=1)), False),
        ("stage", heard("status", BEFORE, None), True),
        ("stage", heard("status", AFTER, None), False),  # of what the deal did since, for all that is known
        ("stage", heard("status", CHANGED - timedelta(seconds=20), None), True),  # by our clock, which is behind
        ("stage", heard("status", CHANGED - timedelta(minutes=2), None), False),
        ("stage", heard("delete", BEFORE, None), False),
    ],
)
def test_a_hook_bears_the_same_news_whether_it_waited_for_the_sync_or_comes_after_it(
    what: str, one: Hearing, is_told: bool
) -> None:
    assert tells(SyncGap(what=what, changed_at=CHANGED, learnt_at=LEARNT), one) is is_told
