"""What every page has around its own content: the account and its switcher, the person, the navigation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from leads.access import account_of, accounts_of, role_of
from leads.models import Role, User

# The header offers this many accounts; a superuser may see thousands, and finds the rest in the administration.
MAX_ACCOUNTS_IN_MENU = 50

NAVIGATION: tuple[tuple[str, str | Promise], ...] = (
    ("page-dashboard", _("Dashboard")),
    ("page-leads", _("Leads")),
    ("page-funnel", _("Funnel")),
    ("page-sales", _("Sales")),
    ("page-spend", _("Spend")),
)
# One page, by what its figures are grouped (`by`).
ROI_NAVIGATION: tuple[tuple[str, str | Promise], ...] = (
    ("creative", _("Creatives")),
    ("direction", _("Directions")),
    ("campaign", _("Campaigns")),
    ("targetologist", _("Targetologists")),
    ("referrer", _("Referrals")),
)
# Questions asked of the same figures.
ROI_QUESTIONS: tuple[tuple[str, str | Promise], ...] = (
    ("page-as-of", _("Then and now")),
    ("page-what-if", _("What if")),
)
# What is looked at seldom stands in a menu of its own: a phone's header is narrow.
CRM_NAVIGATION: tuple[tuple[str, str | Promise], ...] = (
    ("page-stages", _("Stages")),
    ("page-connection", _("Connection")),
    ("page-deliveries", _("Deliveries")),
)
# Pages below those of the header. Each is about rows of one account.
ABOVE = {
    "page-lead": "page-leads",
    "page-targetologist": "page-roi",
    "page-spend-upload": "page-spend",
    "page-rates": "page-spend",
    "page-rates-upload": "page-spend",
    "page-meta": "page-spend",
    "page-delivery": "page-deliveries",
    "page-sync": "page-connection",
}


@dataclass(frozen=True, slots=True)
class NavigationItem:
    url: str
    label: str | Promise
    is_current: bool


def render_page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """A page of the request's account, its times in the account's zone."""
    with timezone.override(account_of(request).zone):
        response = render(request, template, {**_frame(request), **(context or {})}, status=status)
    add_never_cache_headers(response)
    return response


def render_part(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """A piece of a page, for a page that keeps itself fresh: without the frame."""
    role = role_of(request)
    with timezone.override(account_of(request).zone):
        response = render(request, template, {"account": account_of(request), **_rights(role), **context})
    add_never_cache_headers(response)
    return response


def _rights(role: Role) -> dict[str, bool]:
    return {"can_edit": role.covers(Role.STAFF), "is_owner": role.covers(Role.OWNER)}


def _frame(request: HttpRequest) -> dict[str, Any]:
    role = role_of(request)
    assert isinstance(request.user, User)  # page() lets nobody else through
    accounts = list(accounts_of(request.user)[: MAX_ACCOUNTS_IN_MENU + 1])
    current = (request.resolver_match.url_name if request.resolver_match else None) or ""
    return {
        "account": account_of(request),
        "accounts": accounts[:MAX_ACCOUNTS_IN_MENU],
        "has_more_accounts": len(accounts) > MAX_ACCOUNTS_IN_MENU,
        # A single lead belongs to one account: from its card the switch leads to the other account's list.
        "switch_url": reverse(ABOVE[current]) if current in ABOVE else request.path,
        "role_name": role.label,
        "navigation": _navigation(NAVIGATION, current),
        "menus": {
            "ROI": [*_roi_navigation(request, current), *_navigation(ROI_QUESTIONS, current)],
            "amoCRM": _navigation(CRM_NAVIGATION, current),
        },
        **_rights(role),
    }


def _roi_navigation(request: HttpRequest, current: str) -> list[NavigationItem]:
    """The groupings of the ROI page; without `by` it shows the first."""
    is_here = ABOVE.get(current, current) == "page-roi"
    first = "targetologist" if current == "page-targetologist" else ROI_NAVIGATION[0][0]
    shown = request.GET.get("by", first) if is_here else ""
    return [NavigationItem(f"{reverse('page-roi')}?by={by}", label, by == shown) for by, label in ROI_NAVIGATION]


def _navigation(pages: Iterable[tuple[str, str | Promise]], current: str) -> list[NavigationItem]:
    section = ABOVE.get(current, current)
    items: list[NavigationItem] = []
    for name, label in pages:
        try:
            items.append(NavigationItem(reverse(name), label, name == section))
        except NoReverseMatch:
            continue  # a page whose app is not installed
    return items
