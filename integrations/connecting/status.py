"""How an account's connection stands, from what is stored: no request leaves for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, SyncRun, WebhookLog
from leads.models import UserAccount
from leads.told import retold


@dataclass(frozen=True, slots=True)
class ProblemStatus:
    """`next_attempt` None: somebody has to act first."""

    code: str
    detail: str
    since: datetime | None
    next_attempt: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """`backlog`: deliveries that wait. `last_sync`: when the deals were last read as a whole."""

    connected: bool
    state: str
    subdomain: str | None
    webhook_active: bool
    token_expires_at: datetime | None
    last_sync: datetime | None
    backlog: int
    problem: ProblemStatus | None


def connection_status(account: UserAccount) -> ConnectionStatus:
    """Also before any connection."""
    connection = AmoCRMConnection.objects.filter(user_account=account).first() or AmoCRMConnection(user_account=account)
    return ConnectionStatus(
        connected=connection.state == ConnectionState.CONNECTED,
        state=connection.state,
        subdomain=connection.subdomain or None,
        webhook_active=connection.webhook_active,
        token_expires_at=connection.token_expires_at,
        last_sync=_last_sync(account),
        backlog=WebhookLog.objects.filter(user_account=account, processing_status=ProcessingStatus.RECEIVED).count(),
        problem=_problem(connection),
    )


def _problem(connection: AmoCRMConnection) -> ProblemStatus | None:
    if not connection.problem_code:
        return None
    return ProblemStatus(
        connection.problem_code, retold(connection.problem_detail), connection.problem_since, connection.next_attempt_at
    )


def _last_sync(account: UserAccount) -> datetime | None:
    done = SyncRun.objects.filter(user_account=account, kind=SyncRun.Kind.LEADS, state=SyncRun.State.DONE)
    return done.order_by("-finished_at").values_list("finished_at", flat=True).first()
