"""`GET|POST /directions`, `/creatives`, `GET|PATCH …/{id}`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics

from leads.access import account_of
from leads.api.rows import AccountRowId, AccountRows, AccountRowSerializer, OptionalText, RowInPart
from leads.deals.apply import lock_account
from leads.models import Creative, Direction
from leads.services.ads import creatives_appeared, leads_follow


class DirectionSerializer(AccountRowSerializer[Direction]):
    class Meta:
        model = Direction
        fields = ("id", "user_account_id", "name", "created_at")
        read_only_fields = ("created_at",)


class CreativeSerializer(AccountRowSerializer[Creative]):
    class Meta:
        model = Creative
        fields = ("id", "user_account_id", "name", "direction_id", "external_ad_id", "created_at")
        read_only_fields = ("created_at",)

    taken = _("Another creative has this external_ad_id already.")
    direction_id = AccountRowId(Direction, required=False, allow_null=True)
    external_ad_id = OptionalText(max_length=200)

    @transaction.atomic
    def create(self, validated_data: Any) -> Creative:
        lock_account(account_of(self.context["request"]))
        creative = super().create(validated_data)
        creatives_appeared(creative.user_account, [creative])
        return creative

    @transaction.atomic
    def update(self, instance: Creative, validated_data: Any) -> Creative:
        with leads_follow(instance):
            return super().update(instance, validated_data)


@extend_schema_view(get=extend_schema(summary="Directions"), post=extend_schema(summary="Add a direction"))
class Directions(AccountRows[Direction], generics.ListCreateAPIView[Direction]):
    queryset = Direction.objects.all()
    serializer_class = DirectionSerializer


@extend_schema_view(get=extend_schema(summary="A direction"), patch=extend_schema(summary="Change a direction"))
class OneDirection(RowInPart[Direction]):
    queryset = Direction.objects.all()
    serializer_class = DirectionSerializer


@extend_schema_view(get=extend_schema(summary="Creatives"), post=extend_schema(summary="Add a creative"))
class Creatives(AccountRows[Creative], generics.ListCreateAPIView[Creative]):
    queryset = Creative.objects.all()
    serializer_class = CreativeSerializer


@extend_schema_view(get=extend_schema(summary="A creative"), patch=extend_schema(summary="Change a creative"))
class OneCreative(RowInPart[Creative]):
    queryset = Creative.objects.all()
    serializer_class = CreativeSerializer
