"""The edge's pages in Django's admin: deliveries, connections, syncs, and what the edge adds to the core's pages."""

from integrations.admin import (
    accounts,
    connections,
    deliveries,
    gaps,
    leads,
    meta,
    notifications,
    people,
    pushes,
    retention,
    sales,
    spend,
    syncs,
)
from leads.admin.evidence import PAGES

PAGES["delivery_id"] = "admin:integrations_webhooklog_change"
PAGES["sync_run_id"] = "admin:integrations_syncrun_change"

__all__ = [
    "accounts",
    "connections",
    "deliveries",
    "gaps",
    "leads",
    "meta",
    "notifications",
    "people",
    "pushes",
    "retention",
    "sales",
    "spend",
    "syncs",
]
