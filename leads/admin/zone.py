"""The time zone in which the admin shows times and takes them."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from leads.admin import tenancy


def accounts_zone(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: that of the visitor's accounts, as on the pages. UTC where they do not agree on one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/admin/"):
            return get_response(request)
        zones = tenancy.accounts_of(request).order_by().values_list("timezone", flat=True).distinct()[:2]
        with timezone.override(ZoneInfo(zones[0]) if len(zones) == 1 else None):
            return get_response(request)

    return middleware
