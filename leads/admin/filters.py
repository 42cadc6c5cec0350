"""Filters that stay within the visitor's accounts and off slow statements."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from leads.admin import tenancy
from leads.ids import id_in
from leads.models import Creative, Direction, PipelineStage


class AccountFilter(DropdownFilter):
    """The visitor's accounts. Django's own filter for a foreign key would offer everybody's."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if not tenancy.has_several_accounts(request):
            return []
        return [(str(pk), name) for pk, name in tenancy.accounts_of(request).values_list("pk", "name")[:500]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {value for value, _name in self.lookup_choices}
        return queryset.filter(user_account=self.value()) if self.value() in known else queryset


class _OwnRowFilter(DropdownFilter):
    """Rows of another table of the visitor's accounts."""

    model: type[Any]
    column: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = self.model.objects.filter(user_account__in=tenancy.accounts_of(request)).order_by("name")
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:500]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        pk = id_in(self.value() or "")
        return queryset if pk is None else queryset.filter(**{self.column: pk})


class DirectionFilter(_OwnRowFilter):
    title = _("direction")
    parameter_name = "of_direction"
    model = Direction
    column = "direction_id"


class CreativeFilter(_OwnRowFilter):
    title = _("creative")
    parameter_name = "of_creative"
    model = Creative
    column = "creative_id"


class StageFilter(DropdownFilter):
    """The stage in which leads stand now; its value is `pipeline:status`."""

    title = _("stage")
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        stages = PipelineStage.objects.filter(user_account__in=tenancy.accounts_of(request))
        found = {f"{stage.pipeline_id}:{stage.status_id}": str(stage) for stage in stages[:500]}
        return list(found.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {value for value, _name in self.lookup_choices}:
            return queryset
        pipeline_id, _sign, status_id = str(self.value()).partition(":")
        return queryset.filter(current_pipeline_id=int(pipeline_id), current_status_id=int(status_id))
