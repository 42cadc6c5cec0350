"""A kill as hard as in a test can be: from the n-th statement on nothing reaches the database any more.

Requests stand between statements (a rate slot is taken before each, its outcome is written after it), so that killing
at every statement kills before and after every request too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import connection

from integrations.tests.world import drain_all, make_due
from leads.models import UserAccount


class Killed(BaseException):
    """SIGKILL: not an Exception, so that nothing catches it."""


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """The process dies at its `step`-th statement: that one and all later ones never reach the database."""
    left = step

    def die(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(die):
        yield


def comes_through(work: Callable[[], object], step: int) -> bool:
    """Have the work killed at this step. Whether it was done before it came so far."""
    with suppress(Killed), killed_at(step):
        work()
        return True
    return False


def drain_until_killed(account: UserAccount, step: int) -> bool:
    """Drain, be killed on the way (or come through alive: True), and let the dead drain's lease lapse."""
    alive = comes_through(lambda: drain_all(account), step)
    make_due(account)
    return alive
