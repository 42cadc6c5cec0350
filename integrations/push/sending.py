"""Sending leads to amoCRM: exactly one deal of each, also when an answer is lost or a worker killed.

`POST leads/complex` has no protection of its own against being sent twice. So a lead is marked as sent, and that
committed, before its request leaves; whoever finds it so later looks for the deal at amoCRM first, and sends again only
where it is not there and the request can no longer be under way.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.errors import ConditionError, Outage, RequestError
from integrations.amocrm.pushing import MadeDeal, NewDeal, create_deals, find_deals
from integrations.connecting.problems import clear_problem, note_problem
from integrations.ending import is_turn_over
from integrations.models import AmoCRMConnection, ConnectionState, LeadPush
from integrations.people.erasing import ERASED
from integrations.push.claims import Claim, ClaimLost, is_anyone_at_work, soonest
from integrations.push.results import leave_as_it_is, mark_failed, mark_pushed, read_back
from leads.clock import seconds_until
from leads.models import Lead
from leads.news import UTM_KEYS
from leads.people import is_erased
from leads.told import told

logger = structlog.get_logger(__name__)

TURN_SECONDS = 20.0
# Leads that come together are sent together.
GATHER_SECONDS = 0.15
# How long amoCRM may go on with a request whose connection broke at once, and with one that it was slow to answer.
SETTLES_QUICKLY = timedelta(seconds=8)
SETTLES_SLOWLY = timedelta(seconds=60)
_QUICK_SECONDS = 10.0
_LOOK_AGAIN = timedelta(seconds=2)
# Refusals of something in the body, which may be one lead's alone.
_OF_THE_BODY = (400, 422)


def push_account(account_id: uuid.UUID, *, ring_again: Callable[[float], None]) -> None:
    """Send what waits. Returns when nothing is due, the connection has to wait, or the turn is over.

    :param ring_again: called with seconds after which the account wants another turn.
    """
    if is_anyone_at_work(account_id):
        return
    time.sleep(GATHER_SECONDS)
    ends = time.monotonic() + TURN_SECONDS
    while True:
        connection = _usable(account_id)
        if connection is None:
            return  # they wait until the account is connected
        pause = seconds_until(connection.next_attempt_at)
        claim = Claim(account_id) if pause <= 0 and not is_turn_over(ends) else None
        if claim is None or not claim.rows:
            break
        _work(connection, claim)
    wait = soonest(account_id)
    if wait is not None:
        ring_again(max(pause, 0.1, wait))


def _usable(account_id: uuid.UUID) -> AmoCRMConnection | None:
    connected = AmoCRMConnection.objects.filter(user_account_id=account_id, state=ConnectionState.CONNECTED)
    return connected.select_related("user_account").first()


def _work(connection: AmoCRMConnection, claim: Claim) -> None:
    batch = _Batch(connection, claim)
    try:
        batch.push()
    except ConditionError as error:
        logger.warning("push_waits", account=str(connection.user_account_id), problem=error.problem)
        note_problem(connection, error)
    except ClaimLost:
        logger.warning("push_claim_lost", account=str(connection.user_account_id))
    else:
        if batch.client.requests_made:  # else nobody was asked, and nobody has answered
            clear_problem(connection)
    finally:
        claim.release()


class _Batch:
    def __init__(self, connection: AmoCRMConnection, claim: Claim) -> None:
        self._connection = connection
        self.client = AmoCRMClient(connection, before_request=self._fence)
        self._claim = claim
        self._looked_for: Sequence[LeadPush] = ()
        self._sent: Sequence[LeadPush] = ()
        self._made: list[int] = []

    def push(self) -> None:
        rows = self._claim.rows
        try:
            unsure = [row for row in rows if row.sent_at is not None]
            fresh = [row for row in rows if row.sent_at is None]
            self._send(fresh + self._look_for(unsure))
        finally:
            # Also where a later lead of the batch met with trouble.
            read_back(self.client, self._connection.user_account, self._made)

    def _fence(self) -> None:
        """Called right before each request: it may have waited for its slot or token for longer than the claim lasts,
        and without the claim nothing is sent.

        :raises ClaimLost: another worker has taken over.
        """
        self._claim.hold(self._looked_for)
        self._claim.hold(self._sent, sent_at=timezone.now(), settles_at=Now() + SETTLES_SLOWLY)

    def _look_for(self, rows: Sequence[LeadPush]) -> list[LeadPush]:
        """Find out what became of requests without an answer. Returns those that have to be sent again."""
        if not rows:
            return []
        settled = self._claim.settled(rows)  # before looking: what arrives in between would be missed
        since = min(row.sent_at for row in rows if row.sent_at is not None)
        self._looked_for = rows
        try:
            found = find_deals(self.client, [row.lead_id for row in rows], since)
        finally:
            self._looked_for = ()
        self._settle(rows, found, told("found at amoCRM after its answer was lost"))
        missing = [row for row in rows if row.lead_id not in found]
        unsure = [row for row in missing if row.pk not in settled]
        self._claim.put_back(unsure, next_attempt_at=Now() + _LOOK_AGAIN)
        gone = [row for row in missing if row.pk in settled]
        for row in gone:
            row.sent_at = None  # now it is certain that no deal was made
        return gone

    def _send(self, rows: Sequence[LeadPush]) -> None:
        rows = self._without_a_deal(rows)
        if not rows:
            return
        LeadPush.objects.filter(pk__in=[row.pk for row in rows]).update(attempts=F("attempts") + 1)
        began = time.monotonic()
        try:
            made = self._create(rows)
        except RequestError as error:
            self._refused(rows, error)
        except Outage:
            is_quick = time.monotonic() - began < _QUICK_SECONDS
            wait = SETTLES_QUICKLY if is_quick else SETTLES_SLOWLY
            self._claim.hold(rows, settles_at=Now() + wait)
            raise
        except ConditionError:
            self._claim.hold(rows, sent_at=None, settles_at=None)  # refused, so not done
            raise
        else:
            self._settle(rows, made, "")
            unanswered = [row for row in rows if row.lead_id not in made]
            self._claim.put_back(unanswered, next_attempt_at=Now() + _LOOK_AGAIN)

    def _create(self, rows: Sequence[LeadPush]) -> dict[int, MadeDeal]:
        self._sent = rows
        try:
            return create_deals(self.client, [_as_deal(row.lead) for row in rows])
        finally:
            self._sent = ()

    def _refused(self, rows: Sequence[LeadPush], error: RequestError) -> None:
        """One bad lead must not hold up the others: each alone, after looking which were made before it came."""
        if len(rows) == 1 or error.status not in _OF_THE_BODY:
            for row in rows:
                mark_failed(row, str(error))
            return
        self._claim.hold(rows, settles_at=None)  # amoCRM has answered: nothing is under way
        for row in self._look_for(rows):
            self._send([row])

    def _without_a_deal(self, rows: Sequence[LeadPush]) -> list[LeadPush]:
        """A lead whose deal somebody made by hand meanwhile needs no second one, and an erased person none at all."""
        leads = Lead.objects.in_bulk([row.lead_id for row in rows])
        needy: list[LeadPush] = []
        for row in rows:
            lead = leads.get(row.lead_id)
            if lead is None:
                continue  # deleted, and its row of the queue with it
            row.lead = lead
            if lead.amocrm_lead_id is not None and row.sent_at is None:
                leave_as_it_is(row)
            elif is_erased(lead):
                mark_failed(row, ERASED)
            else:
                needy.append(row)
        return needy

    def _settle(self, rows: Sequence[LeadPush], made: Mapping[int, MadeDeal], how: str) -> None:
        for row in rows:
            deal = made.get(row.lead_id)
            if deal is not None:
                mark_pushed(row, deal, how, self._connection.currency)
                self._made.append(deal.deal_id)


def _as_deal(lead: Lead) -> NewDeal:
    phone = lead.phone_e164 or lead.phone
    return NewDeal(
        lead_id=lead.pk,
        name=lead.name or phone or lead.chat_id or f"Lead {lead.pk}",
        phone=phone,
        utm={key: getattr(lead, f"utm_{key}") for key in UTM_KEYS},
        pipeline_id=lead.push_pipeline_id,
    )
