"""How an account's connection stands, in words: state, problem and what to do about it, backlog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.models import AmoCRMConnection, ConnectionState, Problem, ProcessingStatus, SyncRun, WebhookLog
from leads.models import PipelineStage, UserAccount
from leads.told import retold

Text = str | Promise

TITLES: dict[str, Text] = {
    Problem.OUTAGE: _("amoCRM does not answer"),
    Problem.RATE_LIMITED: _("amoCRM asks us to slow down"),
    Problem.BLOCKED: _("amoCRM blocks our requests"),
    Problem.RECONNECT_NEEDED: _("The connection has to be renewed"),
    Problem.UNPAID: _("The amoCRM account is not paid"),
}

# What a person can do, or need not do.
REMEDIES: dict[str, Text] = {
    Problem.OUTAGE: _("Nothing to do: deliveries are kept, and asked about again as soon as amoCRM answers."),
    Problem.RATE_LIMITED: _(
        "Nothing to do: we wait as long as amoCRM asks. If it lasts, look which other integrations call amoCRM much."
    ),
    Problem.BLOCKED: _("Write to amoCRM's support; we ask once a minute whether it is over."),
    Problem.RECONNECT_NEEDED: _("An owner of the account has to connect amoCRM again. Deliveries are kept until then."),
    Problem.UNPAID: _("Pay for the account in amoCRM: Settings → Billing. Deliveries are kept until then."),
}

STATE_KINDS = {
    ConnectionState.CONNECTED: "good",
    ConnectionState.RECONNECT_NEEDED: "bad",
    ConnectionState.DISCONNECTED: "",
}


@dataclass(frozen=True, slots=True)
class ProblemNow:
    title: Text
    detail: str
    remedy: Text
    since: datetime | None
    next_attempt: datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """`connection` None: amoCRM was never connected. `kind`: the badge's colour."""

    connection: AmoCRMConnection | None
    state_label: Text
    kind: str
    problem: ProblemNow | None
    backlog: int
    oldest_waiting: datetime | None
    pipelines: int
    sync: SyncRun | None

    @property
    def is_connected(self) -> bool:
        return self.connection is not None and self.connection.state == ConnectionState.CONNECTED

    @property
    def is_being_set_up(self) -> bool:
        """Connected so recently that hook and pipelines are still to come, and nothing is in their way."""
        return self.is_connected and self.problem is None and getattr(self.connection, "set_up_at", True) is None

    @property
    def parting(self) -> str:
        """Why the connection ended, where nobody here ended it."""
        if self.connection is None or self.connection.state != ConnectionState.DISCONNECTED:
            return ""
        return retold(self.connection.problem_detail)

    @property
    def layout(self) -> str:
        """Changes when the connection's page needs other forms."""
        state = self.connection.state if self.connection else ""
        return f"{state}-new" if self.is_being_set_up else state

    @property
    def needs_reconnect(self) -> bool:
        return self.connection is not None and self.connection.state == ConnectionState.RECONNECT_NEEDED


def connection_of(account: UserAccount) -> AmoCRMConnection | None:
    return AmoCRMConnection.objects.filter(user_account=account).first()


def condition_of(account: UserAccount) -> Condition:
    connection = connection_of(account)
    state = ConnectionState(connection.state) if connection else ConnectionState.DISCONNECTED
    problem = _problem(connection) if connection else None
    waiting = WebhookLog.objects.filter(user_account=account, processing_status=ProcessingStatus.RECEIVED)
    pipelines = PipelineStage.objects.filter(user_account=account, is_archived=False)
    return Condition(
        connection=connection,
        state_label=state.label if connection else _("not connected yet"),
        kind="warn" if problem and state == ConnectionState.CONNECTED else STATE_KINDS[state],
        problem=problem,
        backlog=waiting.count(),
        oldest_waiting=waiting.order_by("id").values_list("received_at", flat=True).first(),
        pipelines=pipelines.order_by().values("pipeline_id").distinct().count(),
        sync=SyncRun.objects.filter(user_account=account, kind=SyncRun.Kind.LEADS).order_by("-id").first(),
    )


def _problem(connection: AmoCRMConnection) -> ProblemNow | None:
    code = connection.problem_code
    if not code:
        return None
    return ProblemNow(
        title=TITLES[code],
        # Some begin by what the title says already, for those who read the detail alone.
        detail=retold(connection.problem_detail).removeprefix(f"{TITLES[code]}.").strip(),
        remedy=REMEDIES[code],
        since=connection.problem_since,
        next_attempt=connection.next_attempt_at,
    )
