"""The connection to amoCRM over HTTP: its state, its end, its hook, its pipelines. Doors of a few lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.amocrm.errors import AmoCRMError, ConditionError, ReconnectNeeded
from integrations.connecting import connect, hooks, pipelines
from integrations.intake.signature import without_signature
from integrations.models import AmoCRMConnection, ConnectionState, ProcessingStatus, SyncRun, WebhookLog
from leads.access import Access, account_of, role_of
from leads.api.errors import Conflict
from leads.api.schema import Error
from leads.models import Role, UserAccount
from leads.told import retold

LIVE_ERRORS: dict[int, Any] = dict.fromkeys((409, 502, 503), Error)
_SUCCESS = inline_serializer("Success", {"success": serializers.BooleanField()})
_DISABLED = inline_serializer("Disabled", {"success": serializers.BooleanField(), "state": serializers.CharField()})


class CannotReach(exceptions.APIException):
    """amoCRM does not answer now; the same call may work later."""

    status_code = 503


class Refused(exceptions.APIException):
    """amoCRM answers, and refuses."""

    status_code = 502


class ProblemSerializer(serializers.Serializer[Any]):
    """`next_attempt` null: somebody has to act first."""

    code = serializers.CharField()
    detail = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    next_attempt = serializers.DateTimeField(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
    """`backlog`: deliveries that wait. `last_sync`: when deals were last read."""

    connected = serializers.BooleanField()
    state = serializers.ChoiceField(ConnectionState.choices)
    subdomain = serializers.CharField(allow_null=True)
    webhook_active = serializers.BooleanField()
    token_expires_at = serializers.DateTimeField(allow_null=True)
    last_sync = serializers.DateTimeField(allow_null=True)
    backlog = serializers.IntegerField()
    problem = ProblemSerializer(allow_null=True)


class HookSerializer(serializers.Serializer[Any]):
    registered = serializers.BooleanField()
    disabled = serializers.BooleanField()
    destination = serializers.CharField()
    settings = serializers.ListField(child=serializers.CharField())
    missing_events = serializers.ListField(child=serializers.CharField())


class PipelinesCountSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    pipelines = serializers.IntegerField()
    stages = serializers.IntegerField()


class StatusView(APIView):
    @extend_schema(operation_id="amocrm_status", responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        return Response(StatusSerializer(_status(account_of(request))).data)


class DisconnectView(APIView):
    roles: ClassVar = {"POST": Role.OWNER}

    @extend_schema(operation_id="amocrm_disconnect", request=None, responses=_SUCCESS)
    def post(self, request: Request) -> Response:
        connection = AmoCRMConnection.objects.filter(user_account=account_of(request)).first()
        if connection is not None:
            connect.disconnect(connection)
        return Response({"success": True})


class DisabledView(APIView):
    """amoCRM's own notice that the integration was switched off there. Its signature is its right."""

    access = Access.OPEN
    authentication_classes = ()

    @extend_schema(
        operation_id="amocrm_disabled",
        parameters=[OpenApiParameter(name, str) for name in ("client_uuid", "client_id", "account_id", "signature")],
        responses={200: _DISABLED, 403: Error},
        auth=[],
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        client_id = query.get("client_uuid") or query.get("client_id", "")
        account_id = query.get("account_id", "")
        if not connect.is_genuine_notice(client_id, account_id, query.get("signature", "")):
            raise exceptions.PermissionDenied(_("The signature is not amoCRM's."))
        connect.disabled_at_amocrm(int(account_id))
        return Response({"success": True, "state": ConnectionState.DISCONNECTED})


class WebhookStatusView(APIView):
    @extend_schema(operation_id="amocrm_webhook_status", responses={200: HookSerializer, **LIVE_ERRORS})
    def get(self, request: Request) -> Response:
        found = _live(hooks.hook_status, request)
        if not role_of(request).covers(Role.STAFF):
            # Who may only read must not be able to send: the signed address is a secret.
            found = replace(found, destination=without_signature(found.destination))
        return Response(HookSerializer(found).data)


class RegisterWebhookView(APIView):
    @extend_schema(
        operation_id="amocrm_register_webhook",
        request=None,
        responses={200: HookSerializer, **LIVE_ERRORS},
    )
    def post(self, request: Request) -> Response:
        return Response(HookSerializer(_live(hooks.hook_register, request)).data)


class SyncPipelinesView(APIView):
    @extend_schema(
        operation_id="amocrm_sync_pipelines",
        request=None,
        responses={200: PipelinesCountSerializer, **LIVE_ERRORS},
    )
    def post(self, request: Request) -> Response:
        count = _live(pipelines.pipelines_sync, request)
        return Response({"success": True, "pipelines": count.pipelines, "stages": count.stages})


def _status(account: UserAccount) -> dict[str, Any]:
    """From what is stored, also before any connection: no request leaves for it."""
    connection = AmoCRMConnection.objects.filter(user_account=account).first() or AmoCRMConnection(user_account=account)
    waiting = WebhookLog.objects.filter(user_account=account, processing_status=ProcessingStatus.RECEIVED)
    syncs = SyncRun.objects.filter(user_account=account, kind=SyncRun.Kind.LEADS, state=SyncRun.State.DONE)
    problem = {
        "code": connection.problem_code,
        "detail": retold(connection.problem_detail),
        "since": connection.problem_since,
        "next_attempt": connection.next_attempt_at,
    }
    return {
        "connected": connection.state == ConnectionState.CONNECTED,
        "state": connection.state,
        "subdomain": connection.subdomain or None,
        "webhook_active": connection.webhook_active,
        "token_expires_at": connection.token_expires_at,
        "last_sync": syncs.order_by("-finished_at").values_list("finished_at", flat=True).first(),
        "backlog": waiting.count(),
        "problem": problem if connection.problem_code else None,
    }


def _live(work: Any, request: Request) -> Any:
    """What amoCRM says right now, with its troubles as answers: 409 to reconnect, 503 to wait, 502 refused."""
    connection = AmoCRMConnection.objects.filter(user_account=account_of(request)).first()
    if connection is None or connection.state == ConnectionState.DISCONNECTED:
        raise Conflict(_("This account is not connected to amoCRM."))
    try:
        return work(connection)
    except ReconnectNeeded as error:
        raise Conflict(retold(error.detail)) from error
    except ConditionError as error:
        raise CannotReach(retold(error.detail)) from error
    except AmoCRMError as error:
        raise Refused(retold(error.detail)) from error
