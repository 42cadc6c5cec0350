"""`POST /leads` for accounts with an amoCRM: the lead is sent on; and `POST /leads/{id}/push`, to send it by hand."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.models import LeadPush
from integrations.push.queue import push_again, push_enqueue, takes_leads
from leads.access import account_of
from leads.api.errors import Conflict
from leads.api.lead_serializers import LeadDetailSerializer, LeadEntrySerializer
from leads.api.leads import Leads
from leads.api.rows import AccountRows
from leads.deals.apply import lock_account
from leads.models import Lead
from leads.people import is_erased


# The core's list and entry; a lead that is new is queued for amoCRM in the transaction that enters it.
class LeadsOnTheirWay(Leads):
    @extend_schema(
        summary="Enter a lead",
        description="The same `external_id` again answers 200 with the lead that has it, unchanged. Where amoCRM is "
        "connected, the lead is sent there: `push_state` says how far it is.",
        request=LeadEntrySerializer,
        responses={201: LeadDetailSerializer, 200: LeadDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        with transaction.atomic():
            answer = super().post(request)
            if answer.status_code == status.HTTP_201_CREATED:
                lead = Lead.objects.select_related("user_account").get(pk=answer.data["id"])
                push_enqueue(lead)
                answer.data["push_state"] = lead.push_state
        return answer


class PushOne(AccountRows[Lead], generics.GenericAPIView[Lead]):
    queryset = Lead.objects.all()
    serializer_class = LeadDetailSerializer

    @extend_schema(
        operation_id="leads_push",
        summary="Send a lead to amoCRM, or again after a refusal",
        description="For a lead from before the connection, and one whose `push_state` is `failed`. One that waits or "
        "was sent stays as it is. 409 where amoCRM is not connected, or the person asked to be forgotten.",
        request=None,
        responses={200: LeadDetailSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        lead = self.get_object()
        if not takes_leads(account_of(request)):
            raise Conflict(_("This account is not connected to amoCRM."))
        if is_erased(lead):
            raise Conflict(_("The person asked to be forgotten, so the lead is not sent to amoCRM."))
        if not push_again(LeadPush.objects.filter(lead=lead)):
            with transaction.atomic():
                self._enqueue(lead)
        lead.refresh_from_db()
        data: dict[str, Any] = self.get_serializer(lead).data
        return Response(data)

    def _enqueue(self, lead: Lead) -> None:
        """A lead from before the connection. One that is waiting or was sent stays as it is."""
        lock_account(lead.user_account)
        lead.refresh_from_db()
        if not LeadPush.objects.filter(lead=lead).exists():
            push_enqueue(lead, at_once=True)
