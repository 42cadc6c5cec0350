"""Leads with a way to their deal: the edge knows amoCRM's host."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest

from integrations.models import AmoCRMConnection
from leads.admin.leads import LeadAdmin
from leads.models import Lead

# Tokens stay encrypted where they are: nothing here needs them.
_CONNECTION = "user_account__amocrm_connection"
_HEAVY = [f"{_CONNECTION}__{name}" for name in ("access_token", "refresh_token", "metadata")]

admin.site.unregister(Lead)


@admin.register(Lead)
class LeadWithDealAdmin(LeadAdmin):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Lead]:
        return super().get_queryset(request).select_related(_CONNECTION).defer(*_HEAVY)

    def deal_address(self, lead: Lead) -> str | None:
        try:
            connection: AmoCRMConnection = lead.user_account.amocrm_connection
        except ObjectDoesNotExist:
            return None
        return f"https://{connection.host}/leads/detail/{lead.amocrm_lead_id}" if connection.host else None
