"""An account's tokens: which one to use now, and renewing it once for all processes (law 7).

A refresh token is good for one use. So whoever refreshes first takes a lease by a conditional UPDATE, commits the new
pair before using it, and everyone else waits for that pair. `token_refreshed_at` is the pair's version: whatever was
begun with an older pair changes nothing once a newer one, or none, is stored.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations.amocrm import oauth
from integrations.amocrm.errors import AmoCRMError, Outage, ReconnectNeeded
from integrations.amocrm.hosts import normalise_subdomain
from integrations.amocrm.moved import current_host
from integrations.amocrm.oauth import ClientRefused, TokenPair, TokenRefused
from integrations.amocrm.rate import Bucket
from integrations.models import NO_PROBLEM, AmoCRMConnection, ConnectionState, Problem
from leads.clock import is_over
from leads.told import told

logger = structlog.get_logger(__name__)

# Longer than two tries at the token endpoint can take, so that a lease runs out only when its holder has died.
LEASE = timedelta(seconds=90)
RENEW_BEFORE = timedelta(minutes=5)
_POLL_SECONDS = 0.1


class Tokens(Protocol):
    """Where a caller gets its token from. `usable` and `renewed` raise ReconnectNeeded when there is none to be had.
    `host` is where the token they gave last is good."""

    host: str

    def usable(self) -> str | None:
        """The token to send now; None when it has to be renewed first."""

    def renewed(self, refused: str | None = None) -> str:
        """A token that is not `refused`."""

    def dead(self, refused: str) -> ReconnectNeeded:
        """The error for a token that was renewed just now and is refused all the same."""

    def followed(self) -> bool:
        """Whether the account, which is not at `host`, was found at another one, which `host` then is."""


class FixedToken:
    """A token on trial, before there is a connection to keep it in."""

    def __init__(self, host: str, pair: TokenPair) -> None:
        self.host = host
        self._pair = pair

    def usable(self) -> str | None:
        return self._pair.access_token

    def renewed(self, refused: str | None = None) -> str:
        raise ReconnectNeeded(told("amoCRM does not accept the token."), status=401)

    def dead(self, refused: str) -> ReconnectNeeded:
        return ReconnectNeeded(told("amoCRM does not accept the token."), status=401)

    def followed(self) -> bool:
        return False


class ConnectionTokens:
    """The tokens of a connection, read anew for each request: another process may have renewed them."""

    def __init__(self, connection: AmoCRMConnection) -> None:
        self.host = connection.host
        self._pk = connection.pk

    def usable(self) -> str | None:
        row = self._row()
        return None if _is_running_out(row) else row.access_token

    def renewed(self, refused: str | None = None) -> str:
        while True:
            row = self._row()
            if row.access_token != refused and not _is_running_out(row):
                return row.access_token  # somebody else was faster
            if not row.refresh_token:
                raise _die(row, told("amoCRM no longer accepts the long-lived token. Enter a new one."))
            if self._take_lease(row):
                return self._refresh(row)
            time.sleep(_POLL_SECONDS)

    def dead(self, refused: str) -> ReconnectNeeded:
        row = self._row()
        if row.access_token != refused:
            return ReconnectNeeded(told("The connection to amoCRM was renewed meanwhile."), retry_after=0.0)
        return _die(row, told("amoCRM refuses the token that it has just given. Connect again."))

    def followed(self) -> bool:
        left = self.host
        row = self._row()  # another process may have found it
        if row.host == left and row.refresh_token and _is_found_elsewhere(row):
            _same_pair(row).update(host=row.host, subdomain=row.subdomain)
            self._row()
        return self.host != left

    def _row(self) -> AmoCRMConnection:
        row = AmoCRMConnection.objects.get(pk=self._pk)
        if row.state != ConnectionState.CONNECTED or not row.access_token:
            error = ReconnectNeeded(told("The connection to amoCRM has to be renewed: connect again."))
            error.token_version = row.token_refreshed_at
            raise error
        self.host = row.host
        return row

    def _take_lease(self, row: AmoCRMConnection) -> bool:
        # By the database's clock: to a machine whose own is ahead every lease would have lapsed.
        taken = _same_pair(row).filter(is_over("refresh_lease_until")).update(refresh_lease_until=Now() + LEASE)
        return bool(taken)

    def _refresh(self, row: AmoCRMConnection) -> str:
        """The new access token, committed. The lease is ours."""
        try:
            pair = _refresh_wherever_it_lives(row)
        except ClientRefused as error:
            # A slip in our environment must not make each account connect again.
            _same_pair(row).update(refresh_lease_until=None)
            why = told(
                "amoCRM refuses our AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET or AMOCRM_REDIRECT_URI (%(why)s) Correct it."
            )
            raise Outage(why % {"why": error.detail}, status=error.status) from None
        except TokenRefused as error:
            raise self._dead_or_outrun(row, error) from None
        except BaseException:
            _same_pair(row).update(refresh_lease_until=None)
            raise
        stored = _store(row, pair)
        logger.info("amocrm_token_refreshed", host=row.host, stored=bool(stored))
        return pair.access_token if stored else self.renewed(row.access_token)

    def _dead_or_outrun(self, row: AmoCRMConnection, error: TokenRefused) -> AmoCRMError:
        """A refused refresh token is dead, unless a person has meanwhile connected anew."""
        current = AmoCRMConnection.objects.get(pk=self._pk)
        if current.token_refreshed_at != row.token_refreshed_at:
            return Outage(told("The connection was renewed meanwhile."), retry_after=0.0)
        return _die(
            row, told("amoCRM no longer accepts our token (%(why)s) Connect again.") % {"why": error.detail}, error
        )


def mark_reconnect_needed(connection_pk: int, version: datetime | None, detail: str) -> None:
    """Show that the pair of this version is dead; a newer pair, or none, is left alone."""
    now = timezone.now()
    AmoCRMConnection.objects.filter(
        pk=connection_pk, state=ConnectionState.CONNECTED, token_refreshed_at=version
    ).update(
        state=ConnectionState.RECONNECT_NEEDED,
        problem_code=Problem.RECONNECT_NEEDED,
        problem_detail=detail,
        problem_since=now,
        next_attempt_at=None,
        refresh_lease_until=None,
        failures=F("failures") + 1,
        updated_at=now,
    )


def _store(row: AmoCRMConnection, pair: TokenPair) -> bool:
    """Put the pair in the place of the one that `row` has; of a newer one, or of none, it is not the successor."""
    columns: dict[str, Any] = {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "host": row.host,
        "subdomain": row.subdomain,
        "token_expires_at": pair.expires_at,
        "token_refreshed_at": timezone.now(),
        "refresh_lease_until": None,
    }
    # If somebody took the old pair for dead, then because we had used it up: ours is good all the same.
    revived = {"state": ConnectionState.CONNECTED, **NO_PROBLEM}
    given_up = AmoCRMConnection.objects.filter(
        pk=row.pk, state=ConnectionState.RECONNECT_NEEDED, token_refreshed_at=row.token_refreshed_at
    )
    return bool(_same_pair(row).update(**columns) or given_up.update(**columns, **revived))


def _die(row: AmoCRMConnection, detail: str, cause: TokenRefused | None = None) -> ReconnectNeeded:
    mark_reconnect_needed(row.pk, row.token_refreshed_at, detail)
    error = ReconnectNeeded(detail, status=cause.status if cause else 401)
    error.token_version = row.token_refreshed_at
    logger.warning("amocrm_token_dead", host=row.host, status=error.status)
    return error


def _refresh_wherever_it_lives(row: AmoCRMConnection) -> TokenPair:
    """A refused refresh token may be good at the account's new address, which `row` then has."""
    try:
        return _refresh_even_if_the_answer_is_lost(row)
    except (TokenRefused, Outage) as error:
        if isinstance(error, Outage) and not 300 <= (error.status or 0) < 400:
            raise
        _same_pair(row).update(refresh_lease_until=Now() + LEASE)
        if not _is_found_elsewhere(row):
            raise
        return oauth.refresh(row.host, row.refresh_token)


def _is_found_elsewhere(row: AmoCRMConnection) -> bool:
    """Whether the account lives at another address now, which `row` then has."""
    host = current_host(row.host, row.access_token, row.refresh_token, row.amocrm_account_id)
    if host in ("", row.host):
        return False
    logger.warning("amocrm_account_moved", host=row.host, to=host)
    row.host, row.subdomain = host, normalise_subdomain(host)
    Bucket(host).pause(1.0)  # the last second's requests were counted at the old address
    return True


def _refresh_even_if_the_answer_is_lost(row: AmoCRMConnection) -> TokenPair:
    """An answer lost in the network may have used the token up. Kommo would still take it once, so it is tried once."""
    try:
        return oauth.refresh(row.host, row.refresh_token)
    except Outage as error:
        if error.status is not None and error.status >= 300:
            raise  # amoCRM did answer: it is in trouble, and the token is as good as before
    return oauth.refresh(row.host, row.refresh_token)


def _is_running_out(row: AmoCRMConnection) -> bool:
    """Less than five minutes left, or, of a short life, less than its last quarter."""
    if row.token_expires_at is None or not row.refresh_token:
        return False
    margin = RENEW_BEFORE
    if row.token_refreshed_at is not None:
        margin = min(margin, (row.token_expires_at - row.token_refreshed_at) / 4)
    return row.token_expires_at - timezone.now() < margin


def _same_pair(row: AmoCRMConnection) -> QuerySet[AmoCRMConnection]:
    return AmoCRMConnection.objects.filter(
        pk=row.pk, state=ConnectionState.CONNECTED, token_refreshed_at=row.token_refreshed_at
    )
