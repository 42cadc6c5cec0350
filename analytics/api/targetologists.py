"""`GET|POST /targetologists`, `GET|PATCH /targetologists/{id}`."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers

from analytics.models import Targetologist
from analytics.models.targetologists import after_all_others
from leads.access import account_of
from leads.api.rows import AccountRows, AccountRowSerializer, OptionalText, RowInPart

MAX_POSITION = 1_000_000


class TargetologistSerializer(AccountRowSerializer[Targetologist]):
    """`patterns`: substrings, any case, of utm_campaign or else utm_source. `position`: who is asked first."""

    class Meta:
        model = Targetologist
        fields = ("id", "user_account_id", "name", "emoji", "patterns", "telegram_chat_id", "position")

    taken = _("Another targetologist has this name already.")
    emoji = OptionalText(max_length=16)
    telegram_chat_id = OptionalText(max_length=64)
    patterns = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=200, required=False, help_text=_("In their order.")
    )
    position = serializers.IntegerField(min_value=0, max_value=MAX_POSITION, required=False)

    def validate_patterns(self, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))

    def create(self, validated_data: dict[str, Any]) -> Targetologist:
        if "position" not in validated_data:
            validated_data["position"] = after_all_others(account_of(self.context["request"]))
        return super().create(validated_data)


@extend_schema_view(
    get=extend_schema(summary="Targetologists, in the order in which their patterns are tried"),
    post=extend_schema(summary="Add a targetologist", description="Without `position`: after all others."),
)
class Targetologists(AccountRows[Targetologist], generics.ListCreateAPIView[Targetologist]):
    queryset = Targetologist.objects.all()
    serializer_class = TargetologistSerializer


@extend_schema_view(get=extend_schema(summary="A targetologist"), patch=extend_schema(summary="Change a targetologist"))
class OneTargetologist(RowInPart[Targetologist]):
    queryset = Targetologist.objects.all()
    serializer_class = TargetologistSerializer
