"""`GET|POST /leads`, `GET /leads/{id}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from leads.api.days import DAYS
from leads.api.lead_filters import LeadFilters
from leads.api.lead_serializers import LeadDetailSerializer, LeadEntrySerializer, LeadSerializer
from leads.api.rows import AccountRows, RowsOfDays
from leads.models import Lead


@extend_schema_view(
    get=extend_schema(summary="Leads, the newest day first", parameters=DAYS),
    post=extend_schema(
        summary="Enter a lead",
        description="The same `external_id` again answers 200 with the lead that has it, unchanged.",
        request=LeadEntrySerializer,
        responses={201: LeadDetailSerializer, 200: LeadDetailSerializer},
    ),
)
class Leads(RowsOfDays[Lead], generics.ListAPIView[Lead]):
    queryset = Lead.objects.all()
    moment = "lead_at"
    serializer_class = LeadSerializer
    filterset_class = LeadFilters

    def get_queryset(self) -> QuerySet[Lead]:
        return super().get_queryset().order_by("-lead_at", "-id")

    def filter_queryset(self, queryset: Any) -> Any:
        """Deleted leads are out unless `deleted=1` lets them in."""
        rows = super().filter_queryset(queryset)
        return rows if self.request.query_params.get("deleted") else rows.filter(is_deleted=False)

    def post(self, request: Request) -> Response:
        entry = LeadEntrySerializer(data=request.data, context=self.get_serializer_context())
        entry.is_valid(raise_exception=True)
        lead, is_new = entry.enter()
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(_whole(lead, self.get_serializer_context()), status=code)


@extend_schema_view(get=extend_schema(summary="A lead with the stages it went through"))
class OneLead(AccountRows[Lead], generics.RetrieveAPIView[Lead]):
    queryset = Lead.objects.all()
    serializer_class = LeadDetailSerializer


def _whole(lead: Lead, context: Mapping[str, Any]) -> dict[str, Any]:
    return dict(LeadDetailSerializer(lead, context=dict(context)).data)
