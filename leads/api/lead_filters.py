"""Filters of `GET /leads`."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework.filterset import FilterSet

from leads.access import account_of
from leads.api import filters
from leads.api.filters import an_id, any_case, flag, one_of
from leads.models import DealPhone, Lead, LeadSource, MatchMethod, PushState
from leads.news import UTM_COLUMNS
from leads.phones import normalise_phone

EXACT = ("external_id", "chat_id", *UTM_COLUMNS)
# A phone that more deals have is nobody's; as many parameters as every database takes.
_MOST_DEALS = 500


class LeadFilters(FilterSet):
    """What is asked of a list of leads. Days, and what goes without `deleted`, are the view's."""

    phone = django_filters.CharFilter(method="by_phone", help_text=_("In any spelling."))
    search = django_filters.CharFilter(method="by_text", help_text=_("Part of the name, the deal's name or the phone."))
    amocrm_lead_id = an_id()
    amocrm_contact_id = an_id()
    origin_lead_id = an_id()
    creative_id = an_id()
    direction_id = an_id()
    status = an_id(field_name="current_status_id", help_text=_("The amoCRM id of the stage."))
    stage = an_id(field_name="current_status_id", help_text=_("The same as `status`."))
    current_status_id = an_id()
    pipeline = an_id(field_name="current_pipeline_id", help_text=_("The amoCRM id of the pipeline."))
    current_pipeline_id = an_id()
    source = one_of(LeadSource.choices)
    match_method = one_of(MatchMethod.choices)
    push_state = one_of(PushState.choices)
    is_qualified = flag()
    deleted = flag(method="with_deleted", help_text=_("`1`: deleted leads as well."))
    ordering = filters.ordering("lead_at", "created_at", "updated_at", "amocrm_updated_at", "price", "name", "id")

    class Meta:
        model = Lead
        fields = EXACT

    def by_phone(self, rows: QuerySet[Lead], name: str, value: str) -> QuerySet[Lead]:
        return rows.filter(self._rung_by(value) or Q(phone=value))

    def by_text(self, rows: QuerySet[Lead], name: str, value: str) -> QuerySet[Lead]:
        found = any_case("name", value) | any_case("deal_name", value) | Q(phone__icontains=value)
        return rows.filter(found | self._rung_by(value))

    def _rung_by(self, value: str) -> Q:
        """Leads whose own phone it is, or one of their deal's contacts; an empty condition where it is no phone."""
        account = account_of(self.request)
        phone = normalise_phone(value, account.phone_region)
        if not phone:
            return Q()
        known = DealPhone.objects.filter(user_account=account, phone_e164=phone)
        deals = known.values_list("amocrm_lead_id", flat=True)[:_MOST_DEALS]
        return Q(phone_e164=phone) | Q(amocrm_lead_id__in=list(deals))

    def with_deleted(self, rows: QuerySet[Lead], name: str, value: bool) -> QuerySet[Lead]:
        return rows if value else rows.filter(is_deleted=False)
