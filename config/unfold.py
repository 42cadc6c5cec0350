"""How the admin looks: its title, and the sidebar that its author fills."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Voronka",
    "SITE_HEADER": "Voronka",
    "SITE_URL": "/app/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
