"""Filters of `GET /sales`, `/referrals/conversions` and `/referrals/earnings`. Days are the views'."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework.filterset import FilterSet

from analytics.models import (
    ConversionStatus,
    EarningKind,
    ReferralConversion,
    ReferralEarning,
    Routing,
    Sale,
    SaleStatus,
    Targetologist,
)
from analytics.models.referrals import code_key
from leads.access import account_of, account_rows
from leads.api.filters import an_id, any_case, cases_of, flag, one_of
from leads.ids import id_in
from leads.news import UTM_COLUMNS
from leads.phones import normalise_phone

NOBODY = ("none", "null", "unknown")


def by_referrer(path: str, **only: Any) -> Any:
    """Rows of a referrer, who is told by name or code (both in any case) or id. `path` leads from the row to the
    referrer; `only` are the conditions under which the row is the referrer's."""

    def condition(rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        rows = rows.filter(**only)
        found = Q(**{f"{path}__code_key": code_key(value)}) | Q(**{f"{path}__name__in": cases_of(value)})
        number = id_in(value)
        return rows.filter(found | Q(**{f"{path}_id": number}) if number is not None else found)

    return django_filters.CharFilter(method=condition, help_text=_("Name, code or id."))


class SaleFilters(FilterSet):
    status = one_of(SaleStatus.choices)
    routing_decision = one_of(Routing.choices)
    amocrm_deal_id = an_id()
    amocrm_pipeline_id = an_id()
    lead_id = an_id()
    currency = django_filters.CharFilter(lookup_expr="iexact")
    targetologist = django_filters.CharFilter(method="by_targetologist", help_text=_("Name or id; `none`: nobody's."))
    referrer = by_referrer("conversion__referrer", routing_decision__in=[Routing.REFERRAL, Routing.BOTH])
    phone = django_filters.CharFilter(method="by_phone", help_text=_("In any spelling."))
    search = django_filters.CharFilter(method="by_text", help_text=_("Part of the client's name or phone."))
    manual = flag(field_name="amocrm_deal_id", lookup_expr="isnull", help_text=_("`1`: only purchases by hand."))

    class Meta:
        model = Sale
        fields = ("external_id", "product", *UTM_COLUMNS)

    def by_targetologist(self, rows: QuerySet[Sale], name: str, value: str) -> QuerySet[Sale]:
        wanted = value.strip().lower()
        # There are few, and the database compares other than Latin letters in their own case only.
        people = account_rows(Targetologist, self.request)
        ids = [person.pk for person in people if wanted in (person.name.lower(), str(person).lower(), str(person.pk))]
        if not ids and wanted in NOBODY:
            return rows.filter(targetologist=None)
        return rows.filter(targetologist__in=ids)

    def by_phone(self, rows: QuerySet[Sale], name: str, value: str) -> QuerySet[Sale]:
        phone = normalise_phone(value, account_of(self.request).phone_region)
        found = Q(client_phone=value)
        return rows.filter(found | Q(client_phone=phone) | Q(client_phones__icontains=f'"{phone}"') if phone else found)

    def by_text(self, rows: QuerySet[Sale], name: str, value: str) -> QuerySet[Sale]:
        return rows.filter(any_case("client_name", value) | Q(client_phone__icontains=value))


class ConversionFilters(FilterSet):
    status = one_of(ConversionStatus.choices)
    referrer = by_referrer("referrer")
    code = django_filters.CharFilter(method="by_code")
    sale_id = an_id()
    amocrm_deal_id = an_id(field_name="sale__amocrm_deal_id")

    class Meta:
        model = ReferralConversion
        fields = ()

    def by_code(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(code_key=code_key(value))


class EarningFilters(FilterSet):
    kind = one_of(EarningKind.choices)
    referrer = by_referrer("referrer")
    conversion_id = an_id()
    sale_id = an_id()
    amocrm_deal_id = an_id(field_name="sale__amocrm_deal_id")
    paid = flag(field_name="paid_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ReferralEarning
        fields = ()
