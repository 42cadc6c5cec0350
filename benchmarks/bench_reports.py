"""Reports of ninety days at several sizes: rollups beside plain GROUP BYs, and what keeping rollups costs the drain."""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.db import connection

from analytics.models import AdSpend, Targetologist
from analytics.reports.funnel import funnel
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.rollups.folding import refresh
from analytics.rollups.install import install, uninstall
from benchmarks import bench_drain
from benchmarks.options import Options
from benchmarks.tables import Table, times, whole
from benchmarks.world import new_account
from leads.models import Creative, Direction, PipelineStage, UserAccount

SIZES = (100_000, 1_000_000, 10_000_000)
FILLED = (
    "leads, sales, amocrm_lead_status_history, lead_paths, lead_stays, "
    "rollup_leads, rollup_sales, rollup_paths, rollup_stays"
)
DAYS = 90
BEGIN = date(2026, 1, 1)
PIPELINE, STATUSES = 1, (11, 12, 13, 14, 142, 143)
HEADS = ("90 days", "leads", "plain ms", "rollup ms", "plain to rollup", "rollup to the fewest leads")
REPORTS: dict[str, Callable[[Span], object]] = {
    "ROI by creative": lambda span: roi(span, GroupBy.CREATIVE, Basis.SALE),
    "ROI by campaign, by the lead's day": lambda span: roi(span, GroupBy.CAMPAIGN, Basis.COHORT),
    "ROI by targetologist": lambda span: roi(span, GroupBy.TARGETOLOGIST, Basis.SALE),
    "funnel with medians": lambda span: funnel(span, PIPELINE),
}

# Each lead goes through as many stages as its number says, and every twentieth is won. Day follows day, as in life.
LEADS = """
INSERT INTO leads (user_account_id, amocrm_lead_id, chat_id, phone, name, source, creative_id, direction_id,
    utm_source, utm_medium, utm_campaign, utm_content, utm_term, own_utm, push_state, created_at, match_detail,
    contact_name, contact_phone, contact_phones, deal_name, current_pipeline_id, current_status_id, is_qualified,
    deal_utm, is_deleted, is_stage_confirmed, amocrm_created_at)
SELECT %(account)s, n, '', '+7' || n, 'Lead ' || n, 'amocrm', %(creative)s + n %% 40, NULL,
    CASE n %% 3 WHEN 0 THEN 'ig' WHEN 1 THEN 'fb' ELSE 'google' END, 'cpc', 'campaign_' || n %% 120, '', '', '{}',
    'none', now(), '', '', '', '[]', '', 1, (%(statuses)s::bigint[])[CASE WHEN n %% 20 = 0 THEN 5 ELSE 1 + n %% 4 END],
    n %% 4 >= 2, '{}', false, true,
    %(begin)s::timestamptz + make_interval(secs => (n - 1)::bigint * 90 / %(leads)s * 86400 + n::bigint * 7919 %% 86400)
FROM generate_series(1, %(leads)s) AS n
"""
HISTORY = """
INSERT INTO amocrm_lead_status_history (user_account_id, lead_id, amocrm_lead_id, from_pipeline_id, from_status_id,
    to_pipeline_id, to_status_id, changed_at, tie, webhook_data)
SELECT user_account_id, id, amocrm_lead_id, CASE WHEN step > 1 THEN 1 END,
    CASE WHEN step > 1 THEN (%(statuses)s::bigint[])[step - 1] END, 1, (%(statuses)s::bigint[])[step],
    lead_at + make_interval(secs => (step - 1) * step * (600 + amocrm_lead_id * 7907 %% 400000)), 0, '{}'
FROM leads
CROSS JOIN LATERAL generate_series(1, array_position(%(statuses)s::bigint[], current_status_id)) AS step
WHERE user_account_id = %(account)s
"""
SALES = """
INSERT INTO sales (user_account_id, lead_id, amocrm_deal_id, client_name, client_phone, client_phones, product, amount,
    currency, status, sold_at, utm_source, utm_medium, utm_campaign, utm_content, utm_term, utm_place, is_assigned,
    routing_decision, routing_reason, takes_traffic, takes_referral, is_met_by_sync, created_at, updated_at,
    targetologist_id)
SELECT user_account_id, id, amocrm_lead_id, '', '', '[]', '', 1000 + amocrm_lead_id %% 90000, 'KZT', 'paid',
    lead_at + interval '5 days', utm_source, '', utm_campaign, '', '', '', false, 'traffic', '', true, true, false,
    now(), now(), %(targetologist)s + amocrm_lead_id %% 4
FROM leads WHERE user_account_id = %(account)s AND current_status_id = 142
"""


def run(options: Options) -> list[Table]:
    if connection.vendor != "postgresql":
        return [
            Table(
                "Reports", HEADS, notes=["Rows are made by the million on PostgreSQL only: DATABASE_URL=postgres://…"]
            )
        ]
    return [_reports(options), _cost(options)]


def _reports(options: Options) -> Table:
    table = Table("Reports", HEADS)
    fewest: dict[str, float] = {}
    for leads in [size for size in SIZES if size <= options.rows]:
        print(f"  {whole(leads)} leads", file=sys.stderr, flush=True)
        account = _account_of(leads)
        for name, report in REPORTS.items():
            slow = _milliseconds(report, account, options.rounds, is_plain=True)
            fast = _milliseconds(report, account, 5 * options.rounds)
            ratio = fast / fewest.setdefault(name, fast)
            table.rows.append((name, whole(leads), whole(slow), f"{fast:.1f}", times(slow / fast), times(ratio)))
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {FILLED} CASCADE")
    table.notes.append("Medians. 40 creatives, 120 campaigns, 4 targetologists; a twentieth of the leads is won.")
    return table


def _cost(options: Options) -> Table:
    """The drain with and without the triggers, in turns."""
    table = Table("What rollups cost the drain", ("one worker, in batches", "without, events/s", "with", "ratio"))
    rates: dict[tuple[bool, int], list[float]] = defaultdict(list)
    for turn in range(2 * options.rounds):
        is_kept = turn % 2 == 1
        install(connection) if is_kept else uninstall(connection)
        for at, measured in enumerate(bench_drain.drained(options.events, bench_drain.in_batches)):
            rates[is_kept, at].append(measured.rate)
    for at, name in enumerate(("deals never seen", "known deals that move")):
        without, kept = (statistics.median(rates[is_kept, at]) for is_kept in (False, True))
        table.rows.append((name, whole(without), whole(kept), times(kept / without)))
    table.notes.append(f"Medians of {options.rounds} runs of {options.events:,} events each.")
    return table


def _milliseconds(
    report: Callable[[Span], object], account: UserAccount, rounds: int, *, is_plain: bool = False
) -> float:
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        report(Span(account, BEGIN, BEGIN + timedelta(days=DAYS - 1), is_plain))
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


def _account_of(leads: int) -> UserAccount:
    """An account whose ninety days have so many leads; its rollups made from the rows, as after a migration."""
    account = new_account()
    mine = {"user_account": account}
    direction = Direction.objects.create(**mine, name="School")
    creatives = Creative.objects.bulk_create(Creative(**mine, name=str(n), direction=direction) for n in range(40))
    buyers = Targetologist.objects.bulk_create(
        Targetologist(**mine, name=str(n), patterns=[f"campaign_{n}"], position=n) for n in range(4)
    )
    PipelineStage.objects.bulk_create(
        PipelineStage(**mine, pipeline_id=PIPELINE, status_id=status, sort_order=n) for n, status in enumerate(STATUSES)
    )
    values: dict[str, Any] = {
        "account": account.pk,
        "creative": creatives[0].pk,
        "targetologist": buyers[0].pk,
        "statuses": list(STATUSES),
        "begin": f"{BEGIN} 00:00+05",
        "leads": leads,
    }
    AdSpend.objects.bulk_create(
        AdSpend(
            **mine,
            day=BEGIN + timedelta(days=day),
            creative=creative,
            amount=1000,
            currency="KZT",
            what=f"creative:{creative.pk}",
        )
        for day in range(DAYS)
        for creative in creatives
    )
    # Rows by the million come without triggers; the rollups are then made from them, as after a migration.
    uninstall(connection)
    with connection.cursor() as cursor:
        for statement in (LEADS, HISTORY, SALES):
            cursor.execute(statement, values)
        cursor.execute(f"VACUUM ANALYZE {FILLED}")
        install(connection)
        refresh(account)
        cursor.execute(f"VACUUM ANALYZE {FILLED}")
    return account
