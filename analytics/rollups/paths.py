"""What a lead contributes to funnels: the stages in which it has stood, and how long it stayed in them.

Unlike what a lead or a sale contributes to ROI, this follows from many rows of history together. So what was counted is
kept per lead (`lead_paths`, `lead_stays`), and after a change taken back and counted anew.
"""

from __future__ import annotations

# Any way to write down a set that is always the same; on SQLite UNION has sorted its rows.
_JOINED = {
    "postgresql": "string_agg(CAST(stood.status_id AS text), ',' ORDER BY stood.status_id)",
    "sqlite": "group_concat(stood.status_id, ',')",
}
_SECONDS = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM stays.ended_at - stays.began_at) AS bigint)",
    "sqlite": "CAST(ROUND((julianday(stays.ended_at) - julianday(stays.began_at)) * 86400) AS integer)",
}


def paths_of(vendor: str, among: str) -> str:
    """Per lead and pipeline: its stages there, and in which it stands. `among`: SQL that picks leads by their ids, as
    `IN (SELECT …)`."""
    return f"""
        SELECT leads.id AS lead_id, leads.user_account_id, leads.lead_at AS at, stood.pipeline_id,
            {_JOINED[vendor]} AS stood,
            CASE WHEN leads.current_pipeline_id = stood.pipeline_id THEN leads.current_status_id END AS now_status_id,
            1 AS leads
        FROM leads
        JOIN (
            SELECT lead_id, to_pipeline_id AS pipeline_id, to_status_id AS status_id
            FROM amocrm_lead_status_history WHERE lead_id {among}
            UNION
            SELECT id, current_pipeline_id, current_status_id
            FROM leads WHERE current_pipeline_id IS NOT NULL AND current_status_id IS NOT NULL AND id {among}
        ) AS stood ON stood.lead_id = leads.id
        WHERE NOT leads.is_deleted AND leads.id {among}
        GROUP BY leads.id, stood.pipeline_id
    """  # noqa: S608 - constants


def stays_of(vendor: str, among: str) -> str:
    """Each stay that has ended: it began with the change before the one that comes from its stage."""
    return f"""
        SELECT stays.lead_id, leads.user_account_id, leads.lead_at AS at, stays.pipeline_id, stays.status_id,
            {_SECONDS[vendor]} AS seconds, 1 AS stays
        FROM (
            SELECT lead_id, from_pipeline_id AS pipeline_id, from_status_id AS status_id, changed_at AS ended_at,
                LAG(changed_at) OVER (PARTITION BY lead_id ORDER BY changed_at, tie, id) AS began_at
            FROM amocrm_lead_status_history WHERE lead_id {among}
        ) AS stays
        JOIN leads ON leads.id = stays.lead_id
        WHERE stays.status_id IS NOT NULL AND stays.pipeline_id IS NOT NULL AND stays.began_at IS NOT NULL
            AND NOT leads.is_deleted AND leads.id {among}
    """  # noqa: S608 - constants
