"""amoCRM's addresses: which account a host name belongs to, and which hosts may be spoken to at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from integrations.amocrm.values import text_of
from leads.told import told

DOMAINS = ("amocrm.ru", "amocrm.com", "kommo.com")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# A bare host or a URL. Userinfo, ports, backslashes and spaces match nowhere, so no parser's reading of them counts.
_ADDRESS = re.compile(r"(?:https?://)?(?P<host>[a-z0-9.-]+?)\.?(?:[/?#][\x21-\x5b\x5d-\x7e]*)?")


class ForeignHost(ValueError):
    """An address that is none of amoCRM's accounts: nothing is sent there."""


def account_host(address: str) -> str:
    """The host of an amoCRM account (`sub.amocrm.ru`, lower case) out of a host or a URL that came from outside.

    :raises ForeignHost: for anything but one label under amoCRM's own domains.
    """
    address = address.strip(" ")
    # Asked before lower(): the Kelvin sign, for one, is a "k" afterwards.
    match = _ADDRESS.fullmatch(address.lower()) if address.isascii() else None
    host = match["host"] if match else ""
    if _label(host) in (None, "www"):
        raise ForeignHost(told("This is not the address of an amoCRM account."))
    return host


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
