"""Signed hook addresses.

amoCRM signs nothing, so the address itself is the secret: an HMAC of account, hook and key version. The version stands
in the signature, so that a forged one is refused without a look at the database and a retired one by the same INSERT
that stores the delivery.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from integrations.models import Hook
from leads.models import UserAccount

PATHS = {
    Hook.AMOCRM: "/webhooks/amocrm",
    Hook.TRAFFIC: "/webhook/amocrm/traffic",
    Hook.REFERRAL: "/webhook/amocrm/referral",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom a signed address speaks for. Whether account and key version still hold is the database's word."""

    account_id: uuid.UUID
    hook: Hook
    key_version: int


@lru_cache(maxsize=4096)  # an account's deliveries come to the same few addresses
def sender_of(query: str, hook: Hook) -> Sender | None:
    """Whom the query string of a called address is signed for; None when it is not, or for another hook."""
    given = dict(parse_qsl(query))
    try:
        account_id = uuid.UUID(given.get("user_id", ""))
    except ValueError:
        return None
    version = version_of(account_id, hook, given.get("sig", ""))
    return None if version is None else Sender(account_id, hook, version)


def sign(account_id: uuid.UUID, hook: Hook, version: int) -> str:
    """The `sig` of an account's hook for one key version: `<version>-<hex HMAC-SHA256>`."""
    return f"{version}-{_digest(account_id, hook, version, settings.SECRET_KEY)}"


def _digest(account_id: uuid.UUID, hook: Hook, version: int, key: str) -> str:
    message = f"{account_id}|{hook.value}|{version}"
    return salted_hmac("voronka.hook", message, secret=key, algorithm="sha256").hexdigest()


def version_of(account_id: uuid.UUID, hook: Hook, sig: str) -> int | None:
    """The key version with which `sig` was made, None when it was not made by us for this account and hook."""
    version_text, _, digest = sig.partition("-")
    if not (version_text.isascii() and version_text.isdecimal() and len(version_text) < 10):
        return None
    version = int(version_text)
    keys: list[str] = [settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]
    matches = [constant_time_compare(digest, _digest(account_id, hook, version, key)) for key in keys]
    return version if any(matches) else None


def hook_url(account: UserAccount, hook: Hook) -> str:
    """The full address to be registered at amoCRM."""
    query = urlencode({"user_id": str(account.pk), "sig": sign(account.pk, hook, account.hook_key_version)})
    return f"{settings.APP_URL.rstrip('/')}{PATHS[hook]}?{query}"


def without_signature(url: str) -> str:
    """The address as those may see it who may not deliver."""
    return f"{url.partition('&sig=')[0]}&sig=…"
