"""amoCRM's addresses: which account a host name belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.amocrm.values import text_of

DOMAINS = ("amocrm.ru", "amocrm.com", "kommo.com")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def subdomain_of(account: Mapping[str, Any]) -> str | None:
    """The subdomain in a hook's account block, lower case: `subdomain`, else what `_links[self]` points to."""
    named = text_of(account.get("subdomain"))
    if named:
        return normalise_subdomain(named)
    links = account.get("_links")
    link = links.get("self") if isinstance(links, dict) else None
    host = _host(text_of(link.get("href") if isinstance(link, dict) else link))
    return _label(host)


def normalise_subdomain(text: str) -> str:
    """`Sub`, `sub.amocrm.ru` and `https://sub.amocrm.ru/` as `sub`.

    What is no account of amoCRM's stays whole (`sub.example.com`), so that it equals no subdomain.
    """
    host = _host(text)
    return _label(host) or host


def _label(host: str) -> str | None:
    for domain in DOMAINS:
        label = host.removesuffix(f".{domain}")
        if label != host and _LABEL.fullmatch(label):
            return label
    return None


def _host(text: str) -> str:
    text = text.strip().lower()
    try:
        return urlsplit(text if "//" in text else f"//{text}").hostname or text
    except ValueError:
        return text
