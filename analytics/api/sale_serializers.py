"""Sales as JSON, and what a purchase by hand is made of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from analytics.earning.credit import credited_conversion
from analytics.earning.ledger import commission_due
from analytics.earning.purchases import purchase_save
from analytics.models import Sale, SaleStatus, Targetologist
from leads.access import account_of
from leads.api.days import MomentField
from leads.api.rows import AccountRowId, OptionalText, conflict
from leads.cents import MOST_AMOUNT
from leads.models import Lead
from leads.models.accounts import validate_currency
from leads.news import UTM_COLUMNS


class SaleSerializer(serializers.ModelSerializer[Sale]):
    """`referrer`: the code of the referrer who is credited. `commission`: what the referrer earns by it, null where
    none does. `is_manual`: entered by hand, without a deal."""

    user_account_id = serializers.UUIDField(read_only=True)
    lead_id = serializers.IntegerField(read_only=True, allow_null=True)
    targetologist_id = serializers.IntegerField(read_only=True, allow_null=True)
    targetologist = serializers.CharField(source="targetologist.name", read_only=True, allow_null=True, default=None)
    referrer = serializers.SerializerMethodField()
    referrer_id = serializers.SerializerMethodField()
    commission = serializers.SerializerMethodField()
    is_manual = serializers.BooleanField(read_only=True)

    class Meta:
        model = Sale
        fields = (
            *("id", "user_account_id", "lead_id", "amocrm_deal_id", "amocrm_pipeline_id", "amocrm_status_id"),
            *("external_id", "client_name", "client_phone", "product", "amount", "currency", "status", "sold_at"),
            *(*UTM_COLUMNS, "utm_place", "targetologist", "targetologist_id", "is_assigned", "referrer", "referrer_id"),
            *("commission", "routing_decision", "routing_reason", "is_manual", "created_at", "updated_at"),
        )
        read_only_fields = fields

    def get_referrer(self, sale: Sale) -> str | None:
        conversion = credited_conversion(sale)
        return conversion.referrer.code if conversion and conversion.referrer else None

    def get_referrer_id(self, sale: Sale) -> int | None:
        conversion = credited_conversion(sale)
        return conversion.referrer_id if conversion else None

    def get_commission(self, sale: Sale) -> str | None:
        conversion = credited_conversion(sale)
        if conversion is None or conversion.referrer_id is None:
            return None
        return str(commission_due(conversion, sale))


class PurchaseSerializer(serializers.Serializer[Sale]):
    """A purchase by hand. Only `amount` is needed; client and UTM that are left out are taken from the lead."""

    amount = serializers.DecimalField(max_digits=18, decimal_places=2, min_value=0, max_value=MOST_AMOUNT)
    currency = serializers.CharField(required=False)
    status = serializers.ChoiceField(choices=SaleStatus.choices, default=SaleStatus.PAID)
    sold_at = MomentField(required=False)
    product = OptionalText(max_length=300)
    client_name = OptionalText(max_length=300)
    client_phone = OptionalText(max_length=255)
    lead_id = AccountRowId(Lead, required=False, allow_null=True)
    targetologist_id = AccountRowId(Targetologist, required=False, allow_null=True)
    external_id = OptionalText(max_length=200)
    utm_source = OptionalText(max_length=500)
    utm_medium = OptionalText(max_length=500)
    utm_campaign = OptionalText(max_length=500)
    utm_content = OptionalText(max_length=500)
    utm_term = OptionalText(max_length=500)

    def validate_currency(self, value: str) -> str:
        validate_currency(value.upper())
        return value.upper()

    def create(self, validated_data: dict[str, Any]) -> Sale:
        account = account_of(self.context["request"])
        sale = Sale(user_account=account, currency=account.currency, sold_at=timezone.now())
        return self.update(sale, validated_data)

    def update(self, instance: Sale, validated_data: dict[str, Any]) -> Sale:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.external_id = instance.external_id or None
        with conflict(_("Another sale has this external_id already.")):
            return self.stored(instance, validated_data)

    def stored(self, sale: Sale, changed: Collection[str]) -> Sale:
        """In the transaction that is undone where there is such a sale already."""
        return purchase_save(sale, changed)

    def to_representation(self, instance: Sale) -> dict[str, Any]:
        return dict(SaleSerializer(instance, context=self.context).data)
