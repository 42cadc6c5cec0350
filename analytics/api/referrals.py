"""`GET|POST /referrers`, `GET|PATCH /referrers/{id}`, `GET /referrals/conversions`, `GET /referrals/earnings`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers

from analytics.api.money_filters import ConversionFilters, EarningFilters
from analytics.earning.ledger import commission_due
from analytics.earning.payout import Balance, balances, main_balance
from analytics.earning.referrers import CodeTaken, link_token, referrer_save
from analytics.models import ReferralConversion, ReferralEarning, Referrer
from analytics.models.referrals import default_rate, validate_code
from leads.access import account_of
from leads.api.days import DAYS
from leads.api.errors import Conflict
from leads.api.rows import AccountRows, AccountRowSerializer, OptionalText, RowInPart, RowsOfDays


def private_page(referrer: Referrer) -> str:
    """The address of the referrer's page, which needs no login."""
    return f"{settings.APP_URL.rstrip('/')}/r/{link_token(referrer)}"


class BalanceSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    accrued = serializers.CharField()
    paid = serializers.CharField()
    balance = serializers.CharField()


class ReferrerSerializer(AccountRowSerializer[Referrer]):
    """`commission_rate`: their own, else the account's default. `accrued`, `paid` and `balance` are in `currency`;
    a negative balance is a debt. `by_currency` has all currencies that they ever earned in."""

    class Meta:
        model = Referrer
        fields = (
            *("id", "user_account_id", "code", "name", "phone", "commission_rate", "has_own_rate", "page_url"),
            *("accrued", "paid", "balance", "currency", "by_currency", "created_at"),
        )
        read_only_fields = ("created_at",)

    code = serializers.CharField(max_length=200, validators=[validate_code])
    name = OptionalText(max_length=200)
    phone = OptionalText(max_length=255)
    commission_rate = serializers.DecimalField(
        max_digits=5, decimal_places=4, min_value=0, max_value=1, required=False, allow_null=True
    )
    has_own_rate = serializers.SerializerMethodField()
    page_url = serializers.SerializerMethodField()
    accrued = serializers.SerializerMethodField()
    paid = serializers.SerializerMethodField()
    balance = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()
    by_currency = serializers.SerializerMethodField()

    def create(self, validated_data: dict[str, Any]) -> Referrer:
        return self._save(Referrer(user_account=account_of(self.context["request"]), **validated_data))

    def update(self, instance: Referrer, validated_data: dict[str, Any]) -> Referrer:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return self._save(instance, validated_data)

    def _save(self, referrer: Referrer, changed: Collection[str] = ()) -> Referrer:
        try:
            return referrer_save(referrer, changed)
        except CodeTaken as error:
            raise Conflict(str(_("Another referrer has this code already."))) from error

    def to_representation(self, instance: Referrer) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if instance.commission_rate is None:
            shown["commission_rate"] = f"{self._default_rate():.4f}"
        return shown

    def _default_rate(self) -> Decimal:
        rate: Decimal = self._once("default_rate", lambda: default_rate(account_of(self.context["request"])))
        return rate

    def _balances(self, referrer: Referrer) -> list[Balance]:
        # A list brings the balances of all its rows.
        known: Mapping[int, list[Balance]] = self._once("balances", lambda: balances([referrer.pk]))
        return known.get(referrer.pk, [])

    def _once(self, name: str, read: Callable[[], Any]) -> Any:
        context = cast("dict[str, Any]", self.context)
        if name not in context:
            context[name] = read()
        return context[name]

    def _main(self, referrer: Referrer) -> Balance:
        return main_balance(self._balances(referrer), account_of(self.context["request"]))

    def get_has_own_rate(self, referrer: Referrer) -> bool:
        return referrer.commission_rate is not None

    def get_page_url(self, referrer: Referrer) -> str:
        return private_page(referrer)

    def get_accrued(self, referrer: Referrer) -> str:
        return str(self._main(referrer).accrued)

    def get_paid(self, referrer: Referrer) -> str:
        return str(self._main(referrer).paid)

    def get_balance(self, referrer: Referrer) -> str:
        return str(self._main(referrer).balance)

    def get_currency(self, referrer: Referrer) -> str:
        return self._main(referrer).currency

    @extend_schema_field(BalanceSerializer(many=True))
    def get_by_currency(self, referrer: Referrer) -> list[dict[str, str]]:
        return list(BalanceSerializer(self._balances(referrer), many=True).data)


@extend_schema_view(
    get=extend_schema(summary="Referrers, with what they earned"),
    post=extend_schema(summary="Add a referrer", description="Sales that waited for the code are theirs from now on."),
)
class Referrers(AccountRows[Referrer], generics.ListCreateAPIView[Referrer]):
    queryset = Referrer.objects.all()
    serializer_class = ReferrerSerializer
    filterset_fields = ()

    def get_serializer(self, *args: Any, **options: Any) -> Any:
        if options.get("many"):
            found = balances([referrer.pk for referrer in args[0]])
            options["context"] = {**self.get_serializer_context(), "balances": found}
        return super().get_serializer(*args, **options)


@extend_schema_view(get=extend_schema(summary="A referrer"), patch=extend_schema(summary="Change a referrer"))
class OneReferrer(RowInPart[Referrer]):
    queryset = Referrer.objects.all()
    serializer_class = ReferrerSerializer


class ConversionSerializer(serializers.ModelSerializer[ReferralConversion]):
    """`code` as it was sent, `referrer` the code of whose it is. `amount` is the sale's, `commission` what it earns."""

    referrer = serializers.CharField(source="referrer.code", read_only=True, allow_null=True, default=None)
    referrer_id = serializers.IntegerField(read_only=True, allow_null=True)
    referrer_name = serializers.CharField(source="referrer.name", read_only=True, allow_null=True, default=None)
    sale_id = serializers.IntegerField(read_only=True)
    amocrm_deal_id = serializers.IntegerField(source="sale.amocrm_deal_id", read_only=True, allow_null=True)
    amount = serializers.DecimalField(source="sale.amount", max_digits=18, decimal_places=2, read_only=True)
    currency = serializers.CharField(source="sale.currency", read_only=True)
    commission = serializers.SerializerMethodField()

    class Meta:
        model = ReferralConversion
        fields = (
            *("id", "code", "referrer", "referrer_id", "referrer_name", "sale_id", "amocrm_deal_id"),
            *("amount", "currency", "commission_rate", "commission", "status", "created_at"),
        )
        read_only_fields = fields

    def get_commission(self, conversion: ReferralConversion) -> str:
        return str(commission_due(conversion, conversion.sale))


@extend_schema_view(get=extend_schema(summary="Referral conversions, the newest first", parameters=DAYS))
class Conversions(RowsOfDays[ReferralConversion], generics.ListAPIView[ReferralConversion]):
    queryset = ReferralConversion.objects.all()
    moment = "created_at"
    serializer_class = ConversionSerializer
    filterset_class = ConversionFilters

    def get_queryset(self) -> QuerySet[ReferralConversion]:
        return super().get_queryset().select_related("sale", "referrer").order_by("-id")


class EarningSerializer(serializers.ModelSerializer[ReferralEarning]):
    """A line of the ledger; `referrer` is their code."""

    referrer = serializers.CharField(source="referrer.code", read_only=True)
    referrer_id = serializers.IntegerField(read_only=True)
    conversion_id = serializers.IntegerField(read_only=True)
    sale_id = serializers.IntegerField(read_only=True)
    amocrm_deal_id = serializers.IntegerField(source="sale.amocrm_deal_id", read_only=True, allow_null=True)

    class Meta:
        model = ReferralEarning
        fields = (
            *("id", "referrer", "referrer_id", "conversion_id", "sale_id", "amocrm_deal_id", "kind", "amount"),
            *("currency", "commission_rate", "reason", "created_at", "paid_at"),
        )
        read_only_fields = fields


@extend_schema_view(get=extend_schema(summary="The ledger of commissions, the newest line first", parameters=DAYS))
class Earnings(RowsOfDays[ReferralEarning], generics.ListAPIView[ReferralEarning]):
    queryset = ReferralEarning.objects.all()
    moment = "created_at"
    serializer_class = EarningSerializer
    filterset_class = EarningFilters

    def get_queryset(self) -> QuerySet[ReferralEarning]:
        return super().get_queryset().select_related("sale", "referrer").order_by("-id")
