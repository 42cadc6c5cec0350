"""Where an account lives now: its people may rename the subdomain, and the old address knows no tokens of it."""

from __future__ import annotations

import json

from integrations.amocrm.claims import claims_of
from integrations.amocrm.hosts import account_host
from integrations.amocrm.http import AmoSession
from integrations.amocrm.rate import Bucket
from integrations.amocrm.values import id_of, text_of
from integrations.http import NETWORK_ERRORS

PATH = "/oauth2/account/current/subdomain"


def current_host(host: str, access_token: str, refresh_token: str, account_id: int | None) -> str:
    """The host of the account whose tokens these are, asked of the address that amoCRM shares among its accounts. It
    stands in the access token; asking does not use the refresh token up.

    Empty where nothing trustworthy is answered: the tokens are dead, or of another account than `account_id`.
    """
    bucket = Bucket(host)
    slot = bucket.take(is_probe=True)
    try:
        shared = account_host(text_of(claims_of(access_token).get("api_domain")))
        with AmoSession() as session:
            response = session.get(f"https://{shared}{PATH}", headers={"X-Refresh-Token": refresh_token})
        answer = json.loads(response.content) if response.status_code == 200 else {}
        told = id_of(answer.get("id")) if isinstance(answer, dict) else None
        if told is None or told != account_id:
            return ""
        return account_host(text_of(answer.get("domain")))
    except (*NETWORK_ERRORS, ValueError, RecursionError):
        return ""
    finally:
        bucket.done(slot)
