"""Connecting an account to amoCRM and parting from it again."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.entities import AccountFacts
from integrations.amocrm.errors import AmoCRMError, ReconnectNeeded
from integrations.amocrm.oauth import TokenPair, exchange_code
from integrations.amocrm.tokens import ConnectionTokens, FixedToken, Tokens
from integrations.connecting.facts import take_currency
from integrations.connecting.tasks import set_up_connection
from integrations.models import FORMER, NO_PROBLEM, AmoCRMConnection, ConnectionState, SyncRun
from integrations.sync import runs
from integrations.waking import wake
from leads.deals.apply import lock_account
from leads.ids import id_in
from leads.models import UserAccount
from leads.told import told

logger = structlog.get_logger(__name__)


class AlreadyConnected(Exception):
    """The amoCRM account belongs to another account here. The text is for people."""


class TokenNotAccepted(Exception):
    """amoCRM does not take the token that was given. The text is for people."""


def connect_by_code(account: UserAccount, host: str, code: str) -> AmoCRMConnection:
    """Exchange the authorisation code, then as `connect`. `host` has passed `account_host`.

    :raises TokenRefused: amoCRM refuses the code.
    """
    return connect(account, host, exchange_code(host, code))


def connect(account: UserAccount, host: str, pair: TokenPair) -> AmoCRMConnection:
    """Read whose token this is and keep it. The hook, the pipelines and the first sync follow in a task.

    :raises AlreadyConnected: nothing is kept.
    :raises TokenNotAccepted: amoCRM refuses the token.
    :raises AmoCRMError: any other trouble on the way.
    """
    trial = AmoCRMConnection(user_account=account, host=host)
    try:
        facts = AmoCRMClient(trial, tokens=FixedToken(host, pair)).account()
    except ReconnectNeeded as error:
        raise TokenNotAccepted(told("amoCRM does not accept this token for this account.")) from error
    connection, former = _keep(account, host, pair, facts)
    logger.info("amocrm_connected", account=str(account.pk), host=host, amocrm_account_id=facts.account_id)
    wake(set_up_connection, str(account.pk))
    if former is not None and _is_another(former, facts) and former.access_token:
        # By its own token, which is not ours any more: what its hook told would only be refused.
        _remove_hook(former, FixedToken(former.host, TokenPair(former.access_token)))
    return connection


def _is_another(former: AmoCRMConnection, facts: AccountFacts) -> bool:
    return former.amocrm_account_id != facts.account_id


def _keep(
    account: UserAccount, host: str, pair: TokenPair, facts: AccountFacts
) -> tuple[AmoCRMConnection, AmoCRMConnection | None]:
    """The connection as it is now, and as it was."""
    try:
        # On its own: when the amoCRM account is taken, the refused INSERT must not spoil the caller's transaction.
        with transaction.atomic():
            lock_account(account)
            former = AmoCRMConnection.objects.select_for_update().filter(user_account=account).first()
            connection, _ = AmoCRMConnection.objects.update_or_create(
                user_account=account, defaults=_columns(host, pair, facts, former)
            )
            if former is not None and _is_another(former, facts):
                # From its cursor on it would read this account, of which it has not read the beginning.
                runs.give_up(account, told("Another amoCRM account was connected."), runs.WORKED)
            take_currency(account, facts.currency)
    except IntegrityError:
        if not _is_taken(account, facts.account_id):
            raise
        raise AlreadyConnected(
            told(
                "The amoCRM account “%(name)s” is connected to another account here already. Disconnect it there first."
            )
            % {"name": facts.name or facts.subdomain}
        ) from None
    return connection, former


def _is_taken(account: UserAccount, amocrm_account_id: int) -> bool:
    others = AmoCRMConnection.objects.exclude(user_account=account).exclude(state=ConnectionState.DISCONNECTED)
    return others.filter(amocrm_account_id=amocrm_account_id).exists()


def _columns(host: str, pair: TokenPair, facts: AccountFacts, former: AmoCRMConnection | None) -> dict[str, Any]:
    now = timezone.now()
    gave_way = list(former.metadata.get(FORMER, [])) if former is not None else []
    if former is not None and former.amocrm_account_id not in (None, facts.account_id):
        gave_way.append([former.amocrm_account_id, now.isoformat()])
    metadata = {"name": facts.name, "timezone": facts.timezone, FORMER: gave_way}
    others = {"webhook_destination": "", **NO_LEASE} if former is not None and _is_another(former, facts) else {}
    return {
        "state": ConnectionState.CONNECTED,
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_expires_at": pair.expires_at,
        "token_refreshed_at": now,
        "refresh_lease_until": None,
        "host": host,
        "subdomain": facts.subdomain or host.partition(".")[0],
        "amocrm_account_id": facts.account_id,
        "currency": facts.currency,
        "is_api_filter_enabled": facts.is_api_filter_enabled,
        "metadata": metadata,
        "connected_at": now,
        "set_up_at": None,
        "webhook_active": False,
        "webhook_detail": "",
        **NO_PROBLEM,
        **others,
    }


NO_LEASE: dict[str, Any] = {"lease_key": None, "lease_until": None}
"""What a drain has read is of an amoCRM account that is not this one's any more: it writes nothing of it."""


def disconnect(connection: AmoCRMConnection) -> None:
    """Remove our hook at amoCRM if that can be done, and forget the tokens. What was learnt is kept."""
    if connection.state == ConnectionState.CONNECTED:
        _remove_hook(connection, ConnectionTokens(connection))
    _forget(connection)


def _remove_hook(connection: AmoCRMConnection, tokens: Tokens) -> None:
    if not connection.webhook_destination:
        return
    try:
        AmoCRMClient(connection, tokens=tokens).delete_webhook(connection.webhook_destination)
    except AmoCRMError as error:  # amoCRM may be the very reason for parting
        logger.warning("amocrm_hook_not_removed", host=connection.host, error=str(error))


def _forget(connection: AmoCRMConnection, why: str = "") -> None:
    """Nothing that is under way goes on: its leases are gone. Who has connected anew meanwhile stays connected.

    :param why: what to tell people where nobody here pressed the button.
    """
    with transaction.atomic():
        parted = connection.unless_reconnected().update(
            state=ConnectionState.DISCONNECTED,
            access_token="",
            refresh_token="",
            token_expires_at=None,
            token_refreshed_at=None,
            refresh_lease_until=None,
            webhook_active=False,
            webhook_destination="",
            webhook_detail="",
            updated_at=timezone.now(),
            **{**NO_PROBLEM, "problem_detail": why},
            **NO_LEASE,
        )
        if parted:
            runs.give_up(connection.user_account, runs.DISCONNECTED, [SyncRun.Kind.LEADS])
    connection.refresh_from_db()
    if parted:
        logger.info("amocrm_disconnected", account=str(connection.user_account_id), host=connection.host)


def is_genuine_notice(client_id: str, amocrm_account_id: str, signature: str) -> bool:
    """Whether amoCRM signed the notice that our integration was switched off in an account."""
    secret = settings.AMOCRM_CLIENT_SECRET
    # With an empty key anybody could sign.
    account_id = id_in(amocrm_account_id)
    if not secret or client_id != settings.AMOCRM_CLIENT_ID or account_id is None:
        return False
    message = f"{client_id}|{account_id}"
    expected = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
    return constant_time_compare(signature.lower(), expected)


def disabled_at_amocrm(amocrm_account_id: int) -> None:
    """Our integration was switched off in this amoCRM account: its tokens are dead, its hook is gone."""
    rows = AmoCRMConnection.objects.filter(amocrm_account_id=amocrm_account_id)
    for connection in rows.exclude(state=ConnectionState.DISCONNECTED):
        _forget(connection, told("The integration was switched off in amoCRM. To hear from it again, connect it anew."))
