"""Who told of the year's deals: syncs, and the hooks of the last days with what those did not tell."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import quantiles
from typing import Any

from django.utils import timezone

from analytics.routing import buyers_of
from integrations.amocrm.payloads import parse_delivery
from integrations.demo.news import CONTENT_TYPE, CRM_ACCOUNT_ID, hook_body, stage_as_text
from integrations.demo.stories import Step, Story
from integrations.drain.outcomes import route_delivery
from integrations.models import Hook, HookDay, ProcessingStatus, SyncGap, SyncRun, WebhookLog
from leads.deals.record import evidence_as_json
from leads.models import UserAccount
from leads.news import Evidence

DELIVERIES_KEPT = timedelta(days=10)
SYNC_EVERY = timedelta(hours=6)
LOST, TOLD_LATE = 0.025, 0.3
# As the product says it of such a delivery.
STRANGER = (
    f"The delivery is of amoCRM account 30111222, but this account is connected to {CRM_ACCOUNT_ID}. "
    "Nothing was applied. Remove this hook's address there, or connect that account."
)
ODD = (
    (ProcessingStatus.IGNORED, "unsorted[delete][0][uid]=5f1c02&unsorted[delete][0][action]=decline", ""),
    (ProcessingStatus.ERROR, "account[id]=30111222&leads[add][0][id]=40999001", STRANGER),
    (ProcessingStatus.PARTIAL, "leads[add][0][name]=%D0%91%D0%B5%D0%B7", 'leads[add][0]: no usable id ("None")'),
)  # fmt: skip


@dataclass(slots=True)
class Telling:
    """A step of the last days. `delay`: seconds until its hook came; None: none came."""

    story: Story
    step: Step
    delay: float | None
    delivery: WebhookLog | None = None


class Hooks:
    """Makes the rows, and says who told of which step. Of older steps a sync: deliveries are not kept that long."""

    def __init__(self, account: UserAccount, stories: Sequence[Story], now: datetime, dice: random.Random) -> None:
        self.account = account
        since = now - DELIVERIES_KEPT
        self._tellings = {
            (story.deal_id, step.at): Telling(
                story, step, None if dice.random() < LOST else min(dice.lognormvariate(0.3, 0.6), 60)
            )
            for story in stories
            for step in story.steps
            if step.at >= since
        }
        self._first, *self._later = self._make_runs(stories[0].created_at, since, now)
        self._first_sync = evidence_as_json(_of_sync(self._first))
        self._make_deliveries(now)
        self._make_days(self._make_gaps(dice))

    def evidence(self, story: Story, step: Step) -> dict[str, Any]:
        """As stages keep it."""
        telling = self._tellings.get((story.deal_id, step.at))
        if telling is None:
            return self._first_sync
        if telling.delivery is None:
            return evidence_as_json(_of_sync(self._run_after(step.at)))
        return evidence_as_json(Evidence(delivery_id=telling.delivery.pk, action="status"))

    @property
    def last_sync(self) -> Evidence:
        return _of_sync(self._later[-1])

    def told_by(self, stories: Iterable[Story]) -> dict[int, frozenset[str]]:
        """Deal id → the hooks that told of it."""
        told = {telling.story.deal_id for telling in self._tellings.values() if telling.delivery is not None}
        return {story.deal_id: frozenset({Hook.AMOCRM.value}) for story in stories if story.deal_id in told}

    def _make_runs(self, first: datetime, since: datetime, now: datetime) -> list[SyncRun]:
        ends = [first, *(now - SYNC_EVERY * back for back in range((now - since) // SYNC_EVERY, -1, -1))]
        return SyncRun.objects.bulk_create(
            SyncRun(
                user_account=self.account,
                state=SyncRun.State.DONE,
                is_full=at == first,
                api_requests=5,
                started_at=at - timedelta(seconds=2),
                finished_at=at,
            )
            for at in ends
        )

    def _run_after(self, at: datetime) -> SyncRun:
        return next(run for run in self._later if run.finished_at and run.finished_at >= at)

    def _make_deliveries(self, now: datetime) -> None:
        buyers = buyers_of(self.account)
        rows: list[WebhookLog] = []
        for telling in self._tellings.values():
            if telling.delay is not None:
                received_at = min(now, telling.step.at + timedelta(seconds=telling.delay))
                telling.delivery = _delivery(self.account, hook_body(telling.story, telling.step), received_at)
                routed = route_delivery(Hook.AMOCRM, telling.story.utm, buyers)
                telling.delivery.routing_decision, telling.delivery.routing_reason = routed.decision, routed.reason
                rows.append(telling.delivery)
        for back, (status, body, message) in enumerate(ODD, start=1):
            row = _delivery(self.account, body.encode(), now - timedelta(hours=7 * back))
            row.processing_status, row.error_message = status, message
            rows.append(row)
        WebhookLog.objects.bulk_create(sorted(rows, key=lambda row: row.received_at), batch_size=1000)

    def _make_gaps(self, dice: random.Random) -> list[SyncGap]:
        untold = [telling for telling in self._tellings.values() if telling.delivery is None]
        gaps: list[SyncGap] = []
        for telling in untold:
            run = self._run_after(telling.step.at)
            run.drift_count += 1
            run.updated += 1
            assert run.finished_at
            late = run.finished_at + timedelta(minutes=dice.randint(2, 40))
            is_new = not telling.story.steps.index(telling.step)
            gaps.append(
                SyncGap(
                    user_account=self.account,
                    run=run,
                    amocrm_lead_id=telling.story.deal_id,
                    what=SyncGap.What.CREATED if is_new else SyncGap.What.STAGE,
                    after="" if is_new else stage_as_text(telling.story, telling.step),
                    changed_at=telling.step.at,
                    learnt_at=run.finished_at,
                    told_at=late if dice.random() < TOLD_LATE and late < timezone.now() else None,
                )
            )
        SyncGap.objects.bulk_create(gaps)
        for run in self._later:
            run.total = run.updated + dice.randint(20, 45)
        self._first.total = self._first.updated = len(self._tellings)
        SyncRun.objects.bulk_update([self._first, *self._later], ["total", "updated", "drift_count"])
        return gaps

    def _make_days(self, gaps: Sequence[SyncGap]) -> None:
        zone = self.account.zone
        told: dict[date, list[float]] = {}
        for telling in self._tellings.values():
            if telling.delay is not None:
                told.setdefault(telling.step.at.astimezone(zone).date(), []).append(telling.delay)
        late = Counter(gap.changed_at.astimezone(zone).date() for gap in gaps if gap.told_at)
        untold = Counter(gap.changed_at.astimezone(zone).date() for gap in gaps if not gap.told_at)
        HookDay.objects.bulk_create(
            HookDay(
                user_account=self.account,
                day=day,
                told=len(delays),
                untold=untold[day],
                late=late[day],
                delay_p50=quantiles(delays, n=20)[9] if len(delays) > 1 else delays[0],
                delay_p95=quantiles(delays, n=20)[18] if len(delays) > 1 else delays[0],
            )
            for day, delays in told.items()
        )


def _of_sync(run: SyncRun) -> Evidence:
    return Evidence(sync_run_id=run.pk, action="sync")


def _delivery(account: UserAccount, body: bytes, received_at: datetime) -> WebhookLog:
    parsed = parse_delivery(body, CONTENT_TYPE)
    deal = parsed.deals[0].snapshot if parsed.deals else None
    return WebhookLog(
        user_account=account,
        source=Hook.AMOCRM,
        received_at=received_at,
        raw_body=body,
        content_type=CONTENT_TYPE,
        request_id="",
        processing_status=ProcessingStatus.SUCCESS,
        pipeline_id=deal.pipeline_id if deal else None,
        lead_id=deal.deal_id if deal else None,
        deal_data=parsed.data,
        utm_source=deal.utm.source if deal else "",
        utm_campaign=deal.utm.campaign if deal else "",
        routing_decision="",
        routing_reason="",
        error_message="",
        processed_at=received_at + timedelta(seconds=1),
        attempts=1,
    )
