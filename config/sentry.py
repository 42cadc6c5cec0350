"""Errors to Sentry, where a DSN says so. The package is no requirement: most installations have no Sentry."""

from __future__ import annotations

from importlib.util import find_spec

from config.env import refuse


def start(dsn: str) -> None:
    """:raises EnvError: a DSN without the package."""
    if not dsn:
        return
    if find_spec("sentry_sdk") is None:
        refuse("SENTRY_DSN", "the package that speaks to Sentry is missing", "Run: pip install sentry-sdk")
    import sentry_sdk  # type: ignore[import-not-found,unused-ignore]

    # No bodies, no people, no local variables: any of them may hold a token or a client's phone.
    sentry_sdk.init(dsn=dsn, send_default_pii=False, max_request_body_size="never", include_local_variables=False)
