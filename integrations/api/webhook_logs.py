"""`GET /api/admin/webhook-logs`, `GET …/{id}`, `POST …/{id}/replay`."""

from __future__ import annotations

from typing import Any

from django.db.models import BinaryField, IntegerField, QuerySet
from django.db.models.functions import Length, Substr
from django.utils.functional import cached_property
from django_filters.rest_framework.filterset import FilterSet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.models import Routing
from integrations.models import Hook, ProcessingStatus, WebhookLog
from integrations.replay import replay
from leads.access import account_row, account_rows
from leads.api.filters import an_id, one_of
from leads.api.pagination import Pages, positive_number
from leads.api.rows import AccountRows
from leads.paging import KeysFirst

DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000
# To count millions takes seconds, and nobody turns so many pages.
MOST_COUNTED = 100_000
# A thousand bodies of 10 MB would be one answer of 10 GB; a usual delivery has 2 kB.
LISTED_BYTES = 20_000


class WebhookLogSerializer(serializers.ModelSerializer[WebhookLog]):
    """Keys are column names. `raw_body` as text; in lists its first 20,000 bytes, `raw_body_bytes` is all it has."""

    user_account_id = serializers.UUIDField(read_only=True)
    routing_decision = serializers.ChoiceField(Routing.choices, allow_blank=True, read_only=True)
    raw_body = serializers.SerializerMethodField()
    raw_body_bytes = serializers.IntegerField(read_only=True)

    class Meta:
        model = WebhookLog
        fields = (
            *("id", "user_account_id", "source", "received_at", "processing_status", "error_message"),
            *("lead_id", "pipeline_id", "utm_source", "utm_campaign", "routing_decision", "routing_reason"),
            *("processed_at", "attempts", "next_attempt_at", "content_type", "request_id", "erased_at"),
            *("deal_data", "raw_body", "raw_body_bytes"),
        )
        read_only_fields = fields

    def get_raw_body(self, delivery: WebhookLog) -> str:
        shown = delivery.listed_body if hasattr(delivery, "listed_body") else delivery.raw_body
        return bytes(shown or b"").decode("utf-8", "replace")


class _CountedInPart(KeysFirst):
    object_list: QuerySet[WebhookLog]

    @cached_property
    def count(self) -> int:
        # By their keys, lest the bodies be read that the list shows.
        return self.object_list.order_by().values("pk")[:MOST_COUNTED].count()


class DeliveryPages(Pages):
    """`limit` is the page's size here. `count` goes up to 100,000."""

    page_size, max_page_size = DEFAULT_LIMIT, MAX_LIMIT
    django_paginator_class = _CountedInPart

    def get_page_size(self, request: Request) -> int:
        return positive_number(request, "limit", default=super().get_page_size(request), highest=MAX_LIMIT)


class WebhookLogFilters(FilterSet):
    status = one_of(ProcessingStatus.choices, field_name="processing_status")
    routing = one_of(Routing.choices, field_name="routing_decision")
    source = one_of(Hook.choices)
    lead_id = an_id()

    class Meta:
        model = WebhookLog
        fields: tuple[str, ...] = ()


class ReplayedSerializer(serializers.Serializer[Any]):
    replayed = serializers.IntegerField()


@extend_schema_view(
    get=extend_schema(
        summary="Deliveries, the newest first",
        operation_id="api_admin_webhook_logs",
        parameters=[OpenApiParameter("limit", int, description=f"{DEFAULT_LIMIT} unless said, at most {MAX_LIMIT}.")],
    )
)
class WebhookLogs(AccountRows[WebhookLog], generics.ListAPIView[WebhookLog]):
    queryset = WebhookLog.objects.all()
    serializer_class = WebhookLogSerializer
    filterset_class = WebhookLogFilters
    pagination_class = DeliveryPages

    def get_queryset(self) -> QuerySet[WebhookLog]:
        deliveries = super().get_queryset().defer("raw_body").order_by("-id")
        return deliveries.annotate(
            raw_body_bytes=Length("raw_body", output_field=IntegerField()),
            listed_body=Substr("raw_body", 1, LISTED_BYTES, output_field=BinaryField()),
        )


@extend_schema_view(get=extend_schema(summary="A delivery, whole", operation_id="api_admin_webhook_log"))
class OneWebhookLog(AccountRows[WebhookLog], generics.RetrieveAPIView[WebhookLog]):
    queryset = WebhookLog.objects.all()
    serializer_class = WebhookLogSerializer

    def get_object(self) -> WebhookLog:
        delivery = super().get_object()
        delivery.raw_body_bytes = len(delivery.raw_body)  # type: ignore[attr-defined]
        return delivery


class Replay(APIView):
    @extend_schema(summary="Put a delivery back into the queue", request=None, responses=ReplayedSerializer)
    def post(self, request: Request, pk: int) -> Response:
        delivery = account_row(WebhookLog, request, pk)
        return Response({"replayed": replay(account_rows(WebhookLog, request).filter(pk=delivery.pk))})
