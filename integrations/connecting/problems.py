"""What a connection is waiting for, shown to people and obeyed by the drain.

Both functions are one UPDATE of the row, so that processes that report at once do not undo each other.
"""

from __future__ import annotations

import random
from datetime import timedelta

from django.conf import settings
from django.db.models import Case, DateTimeField, F, QuerySet, When
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from integrations.amocrm.errors import ConditionError, ReconnectNeeded
from integrations.amocrm.tokens import mark_reconnect_needed
from integrations.models import NO_PROBLEM, AmoCRMConnection, ConnectionState, Problem

# An attempt may hang for 25 s, and a lost ring costs 15 s more until the sweep: still the backlog moves within a minute
# of amoCRM's recovery.
LONGEST_BACKOFF = 30.0
UNPAID_PROBE = 40.0


def note_problem(connection: AmoCRMConnection, error: ConditionError) -> None:
    """Show the problem, and put off the next attempt: an outage from 1 s doubling to 30 s, others as their kind needs.

    A dead token stops the attempts until somebody connects anew. A connection that meanwhile was disconnected, or got
    new tokens, is left alone.
    """
    if isinstance(error, ReconnectNeeded):
        mark_reconnect_needed(connection.pk, error.token_version, error.detail)
        return
    _connected(connection).update(
        problem_code=error.problem,
        problem_detail=error.detail,
        problem_since=Case(
            When(problem_code=error.problem, problem_since__isnull=False, then=F("problem_since")),
            default=Now(),
            output_field=DateTimeField(),
        ),
        next_attempt_at=_next_attempt(error),
        failures=F("failures") + 1,
        updated_at=timezone.now(),
    )


def clear_problem(connection: AmoCRMConnection) -> None:
    """amoCRM answered: nothing is waited for any more."""
    _connected(connection).exclude(problem_code="", failures=0, next_attempt_at__isnull=True).update(
        **NO_PROBLEM, updated_at=timezone.now()
    )


def _connected(connection: AmoCRMConnection) -> QuerySet[AmoCRMConnection]:
    return connection.unless_reconnected().filter(state=ConnectionState.CONNECTED)


def _next_attempt(error: ConditionError) -> Case | CombinedExpression:
    """By the database's clock, by which all machines wait."""
    if error.retry_after is not None:
        return Now() + timedelta(seconds=error.retry_after)
    if error.problem == Problem.BLOCKED:
        return Now() + timedelta(seconds=settings.AMOCRM_BLOCK_PROBE_SECONDS)
    if error.problem == Problem.UNPAID:
        return Now() + timedelta(seconds=UNPAID_PROBE)
    return _backoff()


def _backoff() -> Case:
    """1, 2, 4 … 30 s by how often it failed before, each shortened by up to half so that not all come at once."""
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    def after(seconds: float) -> CombinedExpression:
        return Now() + timedelta(seconds=max(1.0, seconds * jitter))

    steps = [When(failures=failures, then=after(2.0**failures)) for failures in range(5)]
    return Case(*steps, default=after(LONGEST_BACKOFF), output_field=DateTimeField())
