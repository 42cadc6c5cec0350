"""Where the source of a stage change can be seen. The layers above, which own the sources, put their pages in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from leads.admin.looks import EMPTY, link

PAGES: dict[str, str] = {}
"""Key in `webhook_data` → the admin's url name that shows the row of that id."""

_TITLES = {
    "delivery_id": gettext_lazy("delivery"),
    "sync_run_id": gettext_lazy("sync"),
    "event_id": gettext_lazy("event"),
}


def told_by(evidence: Mapping[str, Any]) -> SafeString:
    """`delivery #17 status`, as a link where the source has a page."""
    found = []
    for key, title in _TITLES.items():
        if value := evidence.get(key):
            found.append((link(_page(key, value), f"{title} #{value}"),))
    if not found:
        return SafeString(EMPTY)
    html = format_html_join(", ", "{}", found)
    action = evidence.get("action") if evidence.get("delivery_id") else None  # else a word of ours
    return format_html('{} <span class="v-second">{}</span>', html, action) if action else html


def _page(key: str, value: Any) -> str | None:
    try:
        return reverse(PAGES[key], args=[value]) if key in PAGES else None
    except NoReverseMatch:
        return None
