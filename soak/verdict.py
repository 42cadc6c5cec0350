"""What the product holds beside what the sandbox knows. Read from the database, after the storm."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from uuid import UUID

from django.db.models import Q

from analytics.models import ReferralConversion, Sale, SaleStatus
from integrations.models import (
    AmoCRMConnection,
    ConnectionState,
    NotificationState,
    ProcessingStatus,
    SaleNotification,
    SyncRun,
    WebhookLog,
)
from leads.models import Lead, LeadStatusHistory, PushState
from sandbox import WON_STATUS_ID
from sandbox.crm.models import Deal
from soak.life import ENTERED, REFERRERS, Life, Origin

PATTERNS = {"Kenesary": ("tripwire", "kenesary"), "Arystan": ("arystan",), "Muha": ("on ai", "muha")}
CLIENT = re.compile(r"(Patient|site)-\d+")
TOLD = (NotificationState.SENT, NotificationState.UNCERTAIN)
IN_ITS_END = (ProcessingStatus.SUCCESS, ProcessingStatus.IGNORED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing compared: how many there were, and each difference in words."""

    what: str
    count: int
    differences: list[str]


class Verdict:
    def __init__(self, account_id: str, life: Life) -> None:
        self._account = UUID(account_id)
        self._life = life
        self._demo = life.demo

    def findings(self) -> Iterator[Finding]:
        yield self._tokens()
        yield self._deliveries()
        yield self._outcomes()
        yield self._leads()
        yield self._history()
        yield self._sales()
        yield self._commissions()
        yield self._messages()
        yield self._pushes()

    def _tokens(self) -> Finding:
        """Pairs of tokens given out; the connection outlives each."""
        connection = AmoCRMConnection.objects.get(user_account=self._account)
        is_alive = connection.state == ConnectionState.CONNECTED
        pairs = len(self._life.crm.oauth.refresh)
        silent = [] if pairs > 1 else ["none was renewed"]
        return Finding("pairs of tokens", pairs, silent + ([] if is_alive else [connection.problem_detail]))

    # --- Deliveries ---

    def _deliveries(self) -> Finding:
        """Each answer 200 is a row; each row was sent, at most twice per attempt (a broken commit is tried again)."""
        sent: Counter[bytes] = Counter()
        acknowledged: Counter[bytes] = Counter()
        for delivery in self._life.crm.courier.deliveries:
            body = delivery.body.encode()
            sent[body] += len(delivery.attempts)
            acknowledged[body] += sum(attempt.status == 200 for attempt in delivery.attempts)
        bodies = WebhookLog.objects.filter(user_account=self._account).values_list("raw_body", flat=True)
        stored = Counter(bytes(body) for body in bodies)
        lost = [f"lost: {body[:80]!r}" for body, count in acknowledged.items() if stored[body] < count]
        odd = [f"never sent: {body[:80]!r}" for body, count in stored.items() if count > 2 * sent[body]]
        return Finding("deliveries acknowledged, as rows", acknowledged.total(), lost + odd)

    def _outcomes(self) -> Finding:
        rows = WebhookLog.objects.filter(user_account=self._account)
        wrong = rows.exclude(processing_status__in=IN_ITS_END).values_list("pk", "processing_status", "error_message")
        return Finding(
            "rows in their final status", rows.count(), [f"{pk}: {status} {why}" for pk, status, why in wrong]
        )

    # --- Leads ---

    @cached_property
    def _rows(self) -> dict[int, Lead]:
        rows = Lead.objects.filter(user_account=self._account, amocrm_lead_id__isnull=False)
        return {row.amocrm_lead_id: row for row in rows if row.amocrm_lead_id is not None}

    @property
    def _alive(self) -> list[Deal]:
        return [deal for deal in self._demo.deals.by_id.values() if not deal.is_deleted]

    def _leads(self) -> Finding:
        theirs = {deal.id: (deal.pipeline_id, deal.status_id, Decimal(str(deal.price))) for deal in self._alive}
        ours = {
            deal_id: (row.current_pipeline_id, row.current_status_id, row.price)
            for deal_id, row in self._rows.items()
            if not row.is_deleted
        }
        return Finding("leads: stage and price", len(theirs), _unlike(ours, theirs))

    def _history(self) -> Finding:
        changes: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        rows = LeadStatusHistory.objects.filter(user_account=self._account).order_by("changed_at", "tie")
        for deal_id, at, status_id in rows.values_list("amocrm_lead_id", "changed_at", "to_status_id"):
            changes[deal_id].append((int(at.timestamp()), status_id))
        # What went into another took its stages there, where amoCRM's events know nothing of them.
        theirs = {deal.id: self._their_history(deal) for deal in self._alive if deal.id not in self._life.survivors}
        ours = {deal_id: changes[deal_id] for deal_id in theirs}
        for deal_id, stages in theirs.items():
            # Without any event nobody can know since when a deal stands where it was first seen.
            if len(stages) == len(ours[deal_id]) == 1:
                ours[deal_id] = [(stages[0][0], ours[deal_id][0][1])]
        return Finding("stages passed", sum(map(len, theirs.values())), _unlike(ours, theirs))

    def _their_history(self, deal: Deal) -> list[tuple[int, int]]:
        events = sorted(
            (
                event
                for event in self._demo.history.by_id.values()
                if event.entity_id == deal.id and event.type == "lead_status_changed"
            ),
            key=lambda event: (event.created_at, event.id),
        )
        if not events:
            return [(deal.created_at, deal.status_id)]
        first = int(events[0].value_before[0]["lead_status"]["id"])
        later = [(event.created_at, int(event.value_after[0]["lead_status"]["id"])) for event in events]
        return [(deal.created_at, first), *later]

    # --- Money ---

    @cached_property
    def _won(self) -> dict[int, Deal]:
        return {deal.id: deal for deal in self._alive if deal.status_id == WON_STATUS_ID}

    def _sales(self) -> Finding:
        theirs = {
            deal.id: (Decimal(deal.price), *_credit(self._life.origins.get(deal.id, ENTERED)))
            for deal in self._won.values()
        }
        paid = Sale.objects.filter(user_account=self._account, status=SaleStatus.PAID).select_related("targetologist")
        ours = {
            sale.amocrm_deal_id or 0: (
                sale.amount,
                sale.routing_decision,
                sale.targetologist.name if sale.targetologist else "",
            )
            for sale in paid
        }
        return Finding("sales: amount, routing, targetologist", len(theirs), _unlike(ours, theirs))

    def _commissions(self) -> Finding:
        theirs = {
            deal_id: (Decimal(deal.price) * Decimal(rate)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            for deal_id, deal in self._won.items()
            if (rate := REFERRERS.get(self._life.origins.get(deal_id, ENTERED).source.lower()))
        }
        ours: defaultdict[int, Decimal] = defaultdict(Decimal)
        lines = ReferralConversion.objects.filter(user_account=self._account).values_list(
            "sale__amocrm_deal_id", "earnings__amount"
        )
        for deal_id, amount in lines:
            ours[deal_id or 0] += amount or 0
        return Finding("commissions", len(theirs), _unlike({id_: sum_ for id_, sum_ in ours.items() if sum_}, theirs))

    def _messages(self) -> Finding:
        """A sale has at most one message; every one that is due was sent, or is marked as perhaps sent."""
        arrived = Counter(
            found[0] for message in self._life.crm.telegram.messages if (found := CLIENT.search(message.text))
        )
        differences = [f"{client}: {count} messages" for client, count in arrived.items() if count > 1]
        rows = SaleNotification.objects.filter(user_account=self._account, sale__isnull=False).select_related("sale")
        for row in rows:
            client = CLIENT.search(row.text)
            came = arrived[client[0]] if client else 0
            if row.state == NotificationState.SENT and came != 1:
                differences.append(f"{row}: sent, and {came} arrived")
            elif (
                row.state not in (NotificationState.SENT, NotificationState.UNCERTAIN) and row.sale and row.sale.is_paid
            ):
                differences.append(f"{row}: {row.state} {row.detail}")
        unannounced = Sale.objects.filter(user_account=self._account, notification=None, is_met_by_sync=False)
        differences += [f"sale {sale} has no message" for sale in unannounced]
        differences += [f"sale {sale} was met by no sync" for sale in self._falsely_met_by_sync()]
        return Finding("messages", arrived.total(), differences)

    def _falsely_met_by_sync(self) -> list[Sale]:
        during = Q(pk__in=[])
        for run in SyncRun.objects.filter(user_account=self._account):
            ends = run.finished_at or run.started_at + timedelta(minutes=10)
            during |= Q(created_at__range=(run.started_at, ends))
        return list(Sale.objects.filter(user_account=self._account, is_met_by_sync=True).exclude(during))

    def _pushes(self) -> Finding:
        """Every lead that was entered is one deal at amoCRM."""
        deals = Counter(deal.name for deal in self._demo.deals.by_id.values())
        pushed = Lead.objects.filter(user_account=self._account, push_state=PushState.PUSHED)
        names = dict(pushed.values_list("external_id", "amocrm_lead_id"))
        differences = [f"{key}: not pushed" for key in self._life.accepted if key not in names]
        taken = Counter(names.values())
        differences += [f"deal {deal_id} is of {count} leads" for deal_id, count in taken.items() if count > 1]
        differences += [f"{name}: {count} deals" for name, count in deals.items() if name in names and count != 1]
        return Finding("leads entered, as deals", len(self._life.accepted), differences)


def _credit(origin: Origin) -> tuple[str, str]:
    """Routing and targetologist, as the rules say."""
    is_referral = origin.source.lower().startswith("ref_")
    places = [origin.campaign.lower(), "" if is_referral else origin.source.lower()]
    buyer = next(
        (name for place in places for name, patterns in PATTERNS.items() if any(part in place for part in patterns)), ""
    )
    routing = {(True, True): "both", (True, False): "referral", (False, True): "traffic", (False, False): "unknown"}
    return routing[is_referral, bool(buyer)], buyer


def _unlike(ours: Mapping[int, object], theirs: Mapping[int, object]) -> list[str]:
    return [
        f"deal {deal_id}: ours {ours.get(deal_id)}, theirs {theirs.get(deal_id)}"
        for deal_id in sorted({*ours, *theirs})
        if ours.get(deal_id) != theirs.get(deal_id)
    ]


def waiting(account_id: str) -> list[str]:
    """What is still to be done for the account."""
    of_account = {"user_account_id": UUID(account_id)}
    unsent = SaleNotification.objects.filter(
        Q(sale=None) | Q(sale__status=SaleStatus.PAID),
        state__in=[NotificationState.PENDING, NotificationState.SENDING],
        **of_account,
    )
    left = {
        "deliveries": WebhookLog.objects.filter(processing_status=ProcessingStatus.RECEIVED, **of_account),
        "messages": unsent,
        "leads to be pushed": Lead.objects.filter(push_state=PushState.PENDING, **of_account),
        "syncs": SyncRun.objects.filter(state=SyncRun.State.RUNNING, **of_account),
    }
    return [f"{count} {what}" for what, rows in left.items() if (count := rows.count())]
