"""What people write when asked for their amoCRM's address."""

from __future__ import annotations

import re

from integrations.amocrm.hosts import ForeignHost, account_host

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def subdomain_typed(text: str) -> str:
    """`mycompany` out of itself, `mycompany.amocrm.ru` or any address within it; empty for nothing.

    Raises ForeignHost for what cannot be an amoCRM account.
    """
    text = text.strip()
    if not text or _NAME.fullmatch(text.lower()):
        return text.lower()
    try:
        return account_host(text).partition(".")[0]
    except ForeignHost:
        # With a path that a browser shows decoded (spaces, Cyrillic), only the host is of interest.
        bare = re.sub(r"^https?://", "", text, flags=re.IGNORECASE)
        return account_host(re.split(r"[/?#]", bare)[0]).partition(".")[0]
