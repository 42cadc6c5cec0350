"""Connecting amoCRM by a person's consent: off to amoCRM, and where amoCRM sends them back to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.hosts import ForeignHost, account_host
from integrations.amocrm.oauth import ClientRefused, TokenRefused, consent_url
from integrations.api.connection import LIVE_ERRORS, CannotReach, Refused
from integrations.connecting import connect, states
from leads.access import Access, SessionOnly, account_of
from leads.api.errors import Conflict
from leads.api.schema import Error
from leads.models import Role, User
from leads.told import retold

CONNECTION_PAGE = "/connection/"


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
                _("amoCRM is not set up on this server: AMOCRM_CLIENT_ID and AMOCRM_CLIENT_SECRET are missing.")
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
            **LIVE_ERRORS,
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
