"""The payout: what is owed to whom, as a list for the bookkeeper, and marking it as paid."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.admin.selecting import ids_asked
from analytics.csv_cells import csv_response
from analytics.earning.payout import balances, pay_out
from analytics.models import Referrer
from leads.admin import tenancy
from leads.amounts import money
from leads.deals.apply import lock_account
from leads.models import Role, UserAccount


@dataclass(frozen=True, slots=True)
class Due:
    """A line of the list: what one referrer is owed in one currency. A debt is shown and not paid."""

    referrer: Referrer
    amount: Decimal
    currency: str

    @property
    def is_payable(self) -> bool:
        return self.amount > 0


def payout_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """GET: the list, or as CSV with `format=csv`. POST: mark as paid exactly what the list showed."""
    referrers = _chosen(model_admin, request)
    if request.method == "POST":
        if _paid(request, referrers):
            return HttpResponseRedirect(reverse("admin:analytics_referrer_changelist"))
        return HttpResponseRedirect(request.get_full_path())
    dues = _dues(referrers)
    if request.GET.get("format") == "csv":
        return _as_csv(dues)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "title": _("Payout"),
        "dues": dues,
        "totals": _totals(dues),
        "shown": _mark(dues),
        "csv": f"{request.get_full_path()}&format=csv",
        "back": reverse("admin:analytics_referrer_changelist"),
    }
    return TemplateResponse(request, "admin/analytics/payout.html", context)


def _chosen(model_admin: Any, request: HttpRequest) -> list[Referrer]:
    rows = model_admin.get_queryset(request).filter(pk__in=ids_asked(request))
    referrers: list[Referrer] = list(rows.select_related("user_account").order_by("user_account", "code_key"))
    if not referrers:
        raise Http404
    if not all(tenancy.allows(request, Role.STAFF, referrer.user_account_id) for referrer in referrers):
        raise PermissionDenied
    return referrers


def _dues(referrers: list[Referrer]) -> list[Due]:
    found = balances([referrer.pk for referrer in referrers])
    return [
        Due(referrer, item.balance, item.currency)
        for referrer in referrers
        for item in found.get(referrer.pk, [])
        if item.balance
    ]


def _totals(dues: list[Due]) -> list[str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for due in dues:
        if due.is_payable:
            sums[due.currency] += due.amount
    return [money(total, currency) for currency, total in sorted(sums.items())]


def _mark(dues: list[Due]) -> str:
    """Stands for what a list says, so that nothing is marked as paid that was not on it."""
    text = ";".join(f"{due.referrer.pk}:{due.amount}:{due.currency}" for due in dues)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def _paid(request: HttpRequest, referrers: list[Referrer]) -> bool:
    by_account: dict[UserAccount, list[Referrer]] = defaultdict(list)
    for referrer in referrers:
        by_account[referrer.user_account].append(referrer)
    for account in sorted(by_account, key=lambda account: account.pk):
        lock_account(account)
    if request.POST.get("shown") != _mark(_dues(referrers)):
        messages.warning(request, _("The sums have changed since you looked. Nothing was marked; look again."))
        return False
    now = timezone.now()
    done = [paid for account, people in by_account.items() for paid in pay_out(account, people, now)]
    said = ", ".join(f"{paid.referrer}: {money(paid.amount, paid.currency)}" for paid in done[:20])
    messages.success(request, _("Marked as paid: %s") % (said or _("nothing was owed")))
    return True


def _as_csv(dues: list[Due]) -> HttpResponse:
    header = ("code", "name", "phone", "amount", "currency")
    rows = (
        (due.referrer.code, due.referrer.name, due.referrer.phone, due.amount, due.currency)
        for due in dues
        if due.is_payable
    )
    return csv_response(f"payout-{timezone.now():%Y-%m-%d}", header, rows)
