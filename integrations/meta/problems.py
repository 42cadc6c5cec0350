"""What keeps an ad account from being read, noted where people look, with the time of the next attempt."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from integrations.meta.errors import MetaError, RateLimited
from integrations.models import MetaAdAccount

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
# Meta forgives within the hour; a header that says longer is no reason to skip a day.
LONGEST_WAIT = timedelta(hours=6)
MORNING = 5
SPREAD_MINUTES = 120


def note(ad_account: MetaAdAccount, error: MetaError, now: datetime) -> None:
    """The problem, and when to try again: soon where it passes by itself, else with the next day's reading."""
    is_new = ad_account.problem_code != error.problem
    MetaAdAccount.objects.filter(pk=ad_account.pk).update(
        problem_code=error.problem,
        problem_detail=error.detail,
        problem_since=now if is_new else ad_account.problem_since,
        failures=ad_account.failures + 1,
        next_pull_at=now + _pause(ad_account, error) if error.is_temporary else next_morning(ad_account, now),
    )


def clear(ad_account: MetaAdAccount) -> None:
    if not ad_account.problem_code:
        return
    ad_account.problem_code = ad_account.problem_detail = ""
    ad_account.problem_since, ad_account.failures = None, 0
    ad_account.save(update_fields=["problem_code", "problem_detail", "problem_since", "failures"])


def next_morning(ad_account: MetaAdAccount, now: datetime) -> datetime:
    """Between five and seven of its next morning, each ad account at its own minute: yesterday is complete by then,
    and nobody has opened the report yet."""
    local = now.astimezone(ad_account.zone)
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    morning += timedelta(minutes=ad_account.pk * 37 % SPREAD_MINUTES)
    return morning if morning > local else morning + timedelta(days=1)


def _pause(ad_account: MetaAdAccount, error: MetaError) -> timedelta:
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return min(timedelta(seconds=error.retry_after), LONGEST_WAIT)
    pause = min(FIRST_PAUSE * (1 << min(ad_account.failures, 6)), LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.0)  # noqa: S311 - jitter
