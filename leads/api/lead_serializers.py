"""Leads as JSON: the row, the row with its history, and what `POST /leads` takes."""

from __future__ import annotations

from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from leads.access import account_of
from leads.api.rows import AccountRowId, OptionalText
from leads.ids import MAX_ID
from leads.models import Creative, Direction, Lead, LeadSource, LeadStatusHistory
from leads.news import UTM_COLUMNS, Utm
from leads.services.leads import lead_enter

# A lead of this source is made by the drain for a deal that no response was found for; nobody enters one.
ENTERED_SOURCES = [choice for choice in LeadSource.choices if choice[0] != LeadSource.AMOCRM]


class LeadSerializer(serializers.ModelSerializer[Lead]):
    """Keys are column names. `price` is in `currency`: the amoCRM account's, ours before one is connected."""

    user_account_id = serializers.UUIDField(read_only=True)
    creative_id = serializers.IntegerField(read_only=True, allow_null=True)
    direction_id = serializers.IntegerField(read_only=True, allow_null=True)
    origin_lead_id = serializers.IntegerField(read_only=True, allow_null=True)
    lead_at = serializers.DateTimeField(read_only=True)
    currency = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields = (
            *("id", "user_account_id", "name", "phone", "phone_e164", "chat_id", "source"),
            *("creative_id", "direction_id", *UTM_COLUMNS, "external_id", "push_state", "push_pipeline_id"),
            *("match_method", "match_detail", "origin_lead_id", "matched_at"),
            *("amocrm_lead_id", "amocrm_contact_id", "deal_name", "current_pipeline_id", "current_status_id"),
            *("is_qualified", "price", "currency", "is_deleted"),
            *("lead_at", "amocrm_created_at", "amocrm_closed_at", "amocrm_updated_at", "created_at", "updated_at"),
        )
        read_only_fields = fields

    def get_currency(self, lead: Lead) -> str:
        return account_of(self.context["request"]).price_currency


class StatusHistorySerializer(serializers.ModelSerializer[LeadStatusHistory]):
    class Meta:
        model = LeadStatusHistory
        fields = ("from_pipeline_id", "from_status_id", "to_pipeline_id", "to_status_id", "changed_at")


class LeadDetailSerializer(LeadSerializer):
    status_history = StatusHistorySerializer(many=True, read_only=True)

    class Meta(LeadSerializer.Meta):
        fields = (*LeadSerializer.Meta.fields, "status_history")
        read_only_fields = fields


class LeadEntrySerializer(serializers.Serializer[Any]):
    """A lead from our own side. At least one of name, phone and chat; all else may be left out."""

    name = OptionalText(max_length=300)
    phone = OptionalText(max_length=255)
    chat_id = OptionalText(max_length=100)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the key; the field's own `source` is not meant
        choices=ENTERED_SOURCES,
        default=LeadSource.MANUAL,
        allow_null=True,
        error_messages={
            "invalid_choice": format_lazy(
                _("“{input}” is not possible here. Use one of: {names}."),
                input="{input}",  # filled in by the field
                names=", ".join(value for value, _label in ENTERED_SOURCES),
            )
        },
    )
    creative_id = AccountRowId(Creative, required=False, allow_null=True)
    direction_id = AccountRowId(Direction, required=False, allow_null=True)
    utm_source = OptionalText(max_length=500)
    utm_medium = OptionalText(max_length=500)
    utm_campaign = OptionalText(max_length=500)
    utm_content = OptionalText(max_length=500)
    utm_term = OptionalText(max_length=500)
    external_id = OptionalText(max_length=200)
    pipeline_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.get(key) for key in ("name", "phone", "chat_id")):
            raise serializers.ValidationError(_("Give at least one of name, phone and chat_id."))
        return attrs

    def enter(self) -> tuple[Lead, bool]:
        """Enter the validated lead. Returns it, and whether it is new."""
        values = self.validated_data
        creative_id = values.get("creative_id")
        return lead_enter(
            account=account_of(self.context["request"]),
            **{key: values.get(key) or "" for key in ("name", "phone", "chat_id")},
            source=LeadSource(values["source"] or LeadSource.MANUAL),
            creative=Creative.objects.get(pk=creative_id) if creative_id else None,
            direction_id=values.get("direction_id"),
            utm=Utm(**{column.removeprefix("utm_"): values.get(column) or "" for column in UTM_COLUMNS}),
            external_id=values.get("external_id"),
            push_pipeline_id=values.get("pipeline_id"),
        )
