"""Long-lived tokens: what they say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from integrations.amocrm.claims import claims_of
from integrations.amocrm.hosts import DOMAINS
from integrations.amocrm.oauth import TokenPair

_LAST_YEAR = 4_102_444_800  # 2100: beyond it a claim is nonsense


def long_lived_pair(token: str) -> tuple[TokenPair, str]:
    """The token with its end, and the domain of its account (`amocrm.ru` where it does not say).

    The claims are not verified: they are hints, and amoCRM itself judges the token.

    :raises ValueError: for what can be no token; the text is for people.
    """
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("This is no token: it is empty, or has spaces or foreign letters in it.")
    claims = claims_of(token)
    domain = claims.get("base_domain")
    return (
        TokenPair(token, expires_at=_time(claims.get("exp"))),
        domain if domain in DOMAINS else DOMAINS[0],
    )


def _time(seconds: object) -> datetime | None:
    is_time = isinstance(seconds, int | float) and 0 < seconds < _LAST_YEAR
    return datetime.fromtimestamp(seconds, UTC) if is_time else None  # type: ignore[arg-type]
