"""Errors to Sentry, where a DSN says so. The package is no requirement: most installations have no Sentry."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from config.env import refuse


def start(dsn: str, cleaned: Callable[[Any], Any]) -> None:
    """`cleaned` takes secrets and phones out of an event, as out of the lines of the log.

    :raises EnvError: a DSN without the package.
    """
    if not dsn:
        return
    if find_spec("sentry_sdk") is None:
        refuse("SENTRY_DSN", "the package that speaks to Sentry is missing", "Run: pip install sentry-sdk")
    import sentry_sdk  # type: ignore[import-not-found,unused-ignore]

    sentry_sdk.init(
        dsn=dsn,
        # No bodies, no people, no local variables: any of them may hold a token or a client's phone.
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=False,
        # So may what is sent all the same: messages, queries, and the addresses of the requests that came before.
        before_send=lambda event, hint: cleaned(event),
    )
