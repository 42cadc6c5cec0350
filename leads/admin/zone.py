"""The time zone in which the admin shows times and takes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from leads.admin import tenancy
from leads.models import UserAccount
from leads.models.accounts import UnknownZone


def shown_zone(account: UserAccount) -> tzinfo:
    """The account's zone; UTC where this machine does not know it, or nobody could open the form that mends it."""
    try:
        return account.zone
    except UnknownZone:
        return UTC


def knows_zone(account: UserAccount) -> bool:
    return shown_zone(account) is not UTC


def accounts_zone(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: that of the visitor's accounts, as on the pages. UTC where they do not agree on one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/admin/"):
            return get_response(request)
        zones = tenancy.accounts_of(request).order_by().values_list("timezone", flat=True).distinct()[:2]
        with timezone.override(shown_zone(UserAccount(timezone=zones[0])) if len(zones) == 1 else None):
            return get_response(request)

    return middleware
