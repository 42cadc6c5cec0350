"""The connection to amoCRM over HTTP: connecting, its state, its hook, its pipelines. Doors of a few lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.amocrm.errors import AmoCRMError, ConditionError, ReconnectNeeded
from integrations.amocrm.hosts import ForeignHost, account_host
from integrations.amocrm.oauth import ClientRefused, TokenRefused, consent_url
from integrations.connecting import connect, hooks, pipelines, states, status
from integrations.intake.signature import without_signature
from integrations.models import AmoCRMConnection, ConnectionState
from leads.access import Access, SessionOnly, account_of, role_of
from leads.api.errors import Conflict
from leads.api.schema import Error
from leads.models import Role, User
from leads.told import retold

CONNECTION_PAGE = "/connection/"
_LIVE_ERRORS: dict[int, Any] = dict.fromkeys((409, 502, 503), Error)
_SUCCESS = inline_serializer("Success", {"success": serializers.BooleanField()})
_DISABLED = inline_serializer("Disabled", {"success": serializers.BooleanField(), "state": serializers.CharField()})


class CannotReach(exceptions.APIException):
    """amoCRM does not answer now; the same call may work later."""

    status_code = 503


class Refused(exceptions.APIException):
    """amoCRM answers, and refuses."""

    status_code = 502


class ProblemSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    next_attempt = serializers.DateTimeField(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
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


class AuthView(APIView):
    """Sends a person to amoCRM's consent page. By session only: whoever comes back must be who left."""

    authentication_classes = (SessionOnly,)
    roles: ClassVar = {"GET": Role.OWNER}

    @extend_schema(
        operation_id="amocrm_auth",
        parameters=[OpenApiParameter("subdomain", str)],
        responses={302: OpenApiResponse(description="To amoCRM's consent page."), 409: Error},
    )
    def get(self, request: Request) -> HttpResponseBase:
        if not settings.AMOCRM_CLIENT_ID:
            raise Conflict(
                _("The amoCRM integration is not set up: AMOCRM_CLIENT_ID and AMOCRM_CLIENT_SECRET are missing.")
            )
        user = request.user
        assert isinstance(user, User)
        subdomain = _asked(request, "subdomain")[:100]
        state = states.start(request.session, user, account_of(request), subdomain)
        return redirect(consent_url(state))


class CallbackView(APIView):
    """Where amoCRM sends the person back to. A person reads the answer, so refusals are pages for a browser."""

    authentication_classes = (SessionOnly,)
    access = Access.OPEN  # the `state` says for which account, and in whose session it must be

    @extend_schema(
        operation_id="amocrm_callback",
        parameters=[OpenApiParameter(name, str) for name in ("code", "referer", "state", "client_id", "error")],
        responses={
            302: OpenApiResponse(description="To the connection page."),
            **dict.fromkeys((400, 401, 403), Error),
            **_LIVE_ERRORS,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        try:
            self._connect(request)
        except exceptions.APIException as error:
            return _refusal(request, error)
        return redirect(CONNECTION_PAGE)

    def _connect(self, request: Request) -> None:
        query = request.query_params
        user = request.user if isinstance(request.user, User) else None
        try:
            account = states.use(request.session, user, _asked(request, "state"))
        except states.ForeignState as error:
            raise exceptions.PermissionDenied(retold(str(error))) from error
        except states.StateRefused as error:
            if user is None:
                raise exceptions.NotAuthenticated(_("Sign in first.")) from error
            raise exceptions.ValidationError(retold(str(error))) from error
        if query.get("error"):
            messages.warning(request._request, _denial(query["error"]))
            return
        host, code = _host_and_code(query)
        try:
            connection = connect.connect_by_code(account, host, code)
        except connect.AlreadyConnected as error:
            messages.error(request._request, retold(str(error)))
            raise Conflict(retold(str(error))) from error
        except TokenRefused as error:
            detail = _("amoCRM refused the connection: %s Begin again.") % retold(error.detail)
            # Only a 400 that is not about our settings is about the code, which the browser brought.
            is_about_the_code = error.status == 400 and not isinstance(error, ClientRefused)
            raise (exceptions.ValidationError(detail) if is_about_the_code else Refused(detail)) from error
        except connect.TokenNotAccepted as error:
            raise Refused(retold(str(error))) from error
        except AmoCRMError as error:
            raise CannotReach(_("amoCRM could not be asked: %s Begin again.") % retold(error.detail)) from error
        messages.success(request._request, _("Connected to %s.") % connection.host)


def _asked(request: Request, name: str) -> str:
    """A parameter that a database is to hold or look up; no PostgreSQL takes a null character."""
    value: str = request.query_params.get(name, "")
    if "\x00" in value:
        raise exceptions.ValidationError({name: [_("Null characters are not allowed.")]})
    return value


def _denial(error: str) -> str:
    if error == "access_denied":
        return _("amoCRM was not connected: access was declined.")
    return _("amoCRM was not connected.")


def _host_and_code(query: Any) -> tuple[str, str]:
    try:
        host = account_host(query.get("referer", ""))
    except ForeignHost as error:
        raise exceptions.ValidationError(_("“referer” is not the address of an amoCRM account.")) from error
    code = query.get("code", "")
    if not code or len(code) > 4000 or not code.isascii() or not code.isprintable():
        raise exceptions.ValidationError(_("amoCRM sent no authorisation code."))
    if query.get("client_id", settings.AMOCRM_CLIENT_ID) != settings.AMOCRM_CLIENT_ID:
        raise exceptions.ValidationError(_("“client_id” is another integration's."))
    return host, code


def _refusal(request: Request, error: exceptions.APIException) -> HttpResponseBase:
    """JSON for programs by the usual handler, a page for browsers."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise error
    detail = error.detail
    words = " ".join(map(str, detail)) if isinstance(detail, list) else str(detail)
    page: HttpResponse = render(
        request._request,
        "integrations/connect_refused.html",
        {"detail": words, "connection_page": CONNECTION_PAGE},
        status=error.status_code,
    )
    return page


class StatusView(APIView):
    @extend_schema(operation_id="amocrm_status", responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        return Response(StatusSerializer(status.connection_status(account_of(request))).data)


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
    @extend_schema(operation_id="amocrm_webhook_status", responses={200: HookSerializer, **_LIVE_ERRORS})
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
        responses={200: HookSerializer, **_LIVE_ERRORS},
    )
    def post(self, request: Request) -> Response:
        return Response(HookSerializer(_live(hooks.hook_register, request)).data)


class SyncPipelinesView(APIView):
    @extend_schema(
        operation_id="amocrm_sync_pipelines",
        request=None,
        responses={200: PipelinesCountSerializer, **_LIVE_ERRORS},
    )
    def post(self, request: Request) -> Response:
        count = _live(pipelines.pipelines_sync, request)
        return Response({"success": True, "pipelines": count.pipelines, "stages": count.stages})


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
