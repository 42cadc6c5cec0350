"""Filters of the lists of money."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from analytics.models import Targetologist
from leads.admin import tenancy
from leads.ids import id_in


class TargetologistFilter(DropdownFilter):
    title = _("targetologist")
    parameter_name = "of_targetologist"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        people = Targetologist.objects.filter(user_account__in=tenancy.accounts_of(request))[:500]
        return [("none", str(_("nobody"))), *((str(person.pk), str(person)) for person in people)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value == "none":
            return queryset.filter(targetologist=None)
        pk = id_in(value)
        return queryset if pk is None else queryset.filter(targetologist=pk)


class DeskFilter(DropdownFilter):
    """Purchases by hand, or deals' sales."""

    title = _("entered")
    parameter_name = "entered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hand", str(_("by hand"))), ("deal", str(_("from amoCRM")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {"hand": True, "deal": False}
        value = self.value() or ""
        return queryset.filter(amocrm_deal_id__isnull=known[value]) if value in known else queryset


class PaidFilter(DropdownFilter):
    title = _("paid out")
    parameter_name = "paid_out"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", str(_("not yet"))), ("yes", str(_("paid out")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {"no": True, "yes": False}
        value = self.value() or ""
        return queryset.filter(paid_at__isnull=known[value]) if value in known else queryset
