"""`GET|POST /ad-spend`, `GET|POST /exchange-rates`: lists, and uploads that are stored whole or not at all."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from django_filters.rest_framework.filterset import FilterSet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.api.uploads import PARSERS, accepted, refused, upload_schema, uploaded_rows
from analytics.models import AdSpend, ExchangeRate
from analytics.models.spend import campaign_key
from analytics.spend import checking, exchange
from analytics.spend.checking import check_spend
from analytics.spend.exchange import check_rates, store_rates
from analytics.spend.store import store_spend
from leads.access import account_of
from leads.api.days import DAYS, days_asked
from leads.api.filters import an_id, ordering
from leads.api.rows import AccountRows
from leads.days import on_days

# --- Spend ---


class SpendSerializer(serializers.ModelSerializer[AdSpend]):
    """`targetologist`: the name. What the row names is the one of the four that is not empty."""

    targetologist = serializers.CharField(source="targetologist.name", default=None, allow_null=True)

    class Meta:
        model = AdSpend
        fields = (
            *("id", "user_account_id", "day", "creative_id", "direction_id", "targetologist", "targetologist_id"),
            *("campaign", "amount", "currency", "impressions", "clicks", "source", "created_at", "updated_at"),
        )

    user_account_id = serializers.UUIDField(read_only=True)
    creative_id = serializers.IntegerField(allow_null=True)
    direction_id = serializers.IntegerField(allow_null=True)
    targetologist_id = serializers.IntegerField(allow_null=True)


class SpendEntrySerializer(serializers.Serializer[Any]):
    """One of `creative_id`, `direction_id`, `targetologist` (name or id), `campaign`."""

    day = serializers.DateField()
    creative_id = serializers.IntegerField(required=False)
    direction_id = serializers.IntegerField(required=False)
    targetologist = serializers.CharField(required=False)
    campaign = serializers.CharField(required=False)
    amount = serializers.DecimalField(18, 2)
    currency = serializers.CharField(required=False, help_text=gettext_lazy("The account's unless said."))
    impressions = serializers.IntegerField(required=False)
    clicks = serializers.IntegerField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # A serializer has a `source` of its own.
        return {**super().get_fields(), "source": serializers.CharField(required=False)}


class SpendFilters(FilterSet):
    creative_id = an_id()
    direction_id = an_id()
    targetologist_id = an_id()
    campaign = django_filters.CharFilter(method="by_campaign", help_text=gettext_lazy("In any case."))
    currency = django_filters.CharFilter(lookup_expr="iexact")
    ordering = ordering("day", "amount", "id")

    class Meta:
        model = AdSpend
        fields = ("source",)

    def by_campaign(self, rows: QuerySet[AdSpend], name: str, value: str) -> QuerySet[AdSpend]:
        return rows.filter(what=f"campaign:{campaign_key(value)}")


# Rows that have a day, chosen by `from` and `to`.
class DayRows(AccountRows[Any]):
    parser_classes = PARSERS

    def filter_queryset(self, queryset: Any) -> Any:
        return on_days(super().filter_queryset(queryset), *days_asked(self.request))


@extend_schema_view(
    get=extend_schema(summary="Ad spend, the newest day first", parameters=DAYS),
    post=upload_schema(
        "Enter ad spend",
        "A list, or CSV with a header of these names. The same day, thing and source again replaces what was there. "
        "When one row is bad none is stored.",
        SpendEntrySerializer,
    ),
)
class Spend(DayRows, generics.ListAPIView[AdSpend]):
    queryset = AdSpend.objects.select_related("targetologist")
    serializer_class = SpendSerializer
    filterset_class = SpendFilters

    def get_queryset(self) -> QuerySet[AdSpend]:
        return super().get_queryset().select_related("targetologist").order_by("-day", "-id")

    def post(self, request: Request) -> Response:
        account = account_of(request)
        checked = check_spend(account, uploaded_rows(request, checking.NEEDED))
        return refused(checked.bad) if checked.bad else accepted(store_spend(account, checked.rows))


# --- Exchange rates ---


class RateSerializer(serializers.ModelSerializer[ExchangeRate]):
    """One unit of `currency` is `rate` units of `base_currency`."""

    class Meta:
        model = ExchangeRate
        fields = ("id", "user_account_id", "day", "currency", "base_currency", "rate", "created_at", "updated_at")

    user_account_id = serializers.UUIDField(read_only=True)


class RateEntrySerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    currency = serializers.CharField()
    rate = serializers.DecimalField(20, 10, help_text=gettext_lazy("In the account's currency."))


class RateFilters(FilterSet):
    currency = django_filters.CharFilter(lookup_expr="iexact")
    base_currency = django_filters.CharFilter(lookup_expr="iexact")
    ordering = ordering("day", "currency")

    class Meta:
        model = ExchangeRate
        fields = ()


@extend_schema_view(
    get=extend_schema(summary="Exchange rates, the newest day first", parameters=DAYS),
    post=upload_schema(
        "Enter exchange rates",
        "A list, or CSV with a header of these names. A rate holds on until the next one, but no longer than a week.",
        RateEntrySerializer,
    ),
)
class ExchangeRates(DayRows, generics.ListAPIView[ExchangeRate]):
    queryset = ExchangeRate.objects.all()
    serializer_class = RateSerializer
    filterset_class = RateFilters

    def get_queryset(self) -> QuerySet[ExchangeRate]:
        return super().get_queryset().order_by("-day", "currency")

    def post(self, request: Request) -> Response:
        account = account_of(request)
        checked = check_rates(account, uploaded_rows(request, exchange.NEEDED))
        return refused(checked.bad) if checked.bad else accepted(store_rates(account, checked.rows))
