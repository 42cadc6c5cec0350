"""`/connection`: connecting amoCRM, how the connection stands, its hook, its addresses, disconnecting."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from integrations.amocrm.errors import AmoCRMError, RequestError, Unpaid
from integrations.amocrm.hosts import DOMAINS, ForeignHost
from integrations.connecting.connect import disconnect as connection_disconnect
from integrations.connecting.hooks import hook_register, hook_status
from integrations.connecting.pipelines import pipelines_sync
from integrations.models import AmoCRMConnection, ConnectionState
from integrations.pages.condition import condition_of, connection_of
from integrations.pages.hook_addresses import hook_addresses
from integrations.pages.subdomains import subdomain_typed
from leads.access import ACCOUNT_PARAMETER, account_of, address, page, posted, role_of
from leads.htmx import reload_page
from leads.models import Role
from leads.pages.rendering import render_page, render_part
from leads.told import retold

R = TypeVar("R", bound=HttpResponseBase)


@require_safe
@page()
def show(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_safe
@page()
def state(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes while one looks. `shown`: the layout of the page around it."""
    condition = condition_of(account_of(request))
    if request.GET.get("shown", condition.layout) != condition.layout:
        return reload_page()
    return render_part(request, "pages/_state.html", {"condition": condition})


@require_safe
@page()
def hook(request: HttpRequest) -> HttpResponse:
    """What amoCRM says of our hook, asked now: a part that the page fetches, so that it need not wait for it itself."""
    connection = _connected(request)
    if connection is None:
        return render_part(request, "pages/_hook.html", {"hook_problem": _("amoCRM is not connected.")})
    try:
        found = hook_status(connection)
    except AmoCRMError as error:
        return render_part(request, "pages/_hook.html", {"hook_problem": _cannot(error)})
    return render_part(request, "pages/_hook.html", {"hook": found})


@page(Role.OWNER)
@posted("page-connection")
def connect(request: HttpRequest) -> HttpResponse:
    """Off to amoCRM's consent, with the subdomain out of whatever was typed."""
    typed = request.POST.get("subdomain", "")
    if not settings.AMOCRM_CLIENT_ID:
        error = _("amoCRM is not set up on this server: AMOCRM_CLIENT_ID and AMOCRM_CLIENT_SECRET are missing.")
        return _page(request, {"subdomain": typed, "subdomain_error": error}, status=409)
    try:
        subdomain = subdomain_typed(typed)
    except ForeignHost:
        error = _("This is not the address of an amoCRM account. It looks like mycompany.amocrm.ru.")
        return _page(request, {"subdomain": typed, "subdomain_error": error}, status=400)
    query = {ACCOUNT_PARAMETER: str(account_of(request).pk)}
    if subdomain:
        query["subdomain"] = subdomain
    return _to_amocrm(HttpResponseRedirect(f"/amocrm/auth?{urlencode(query)}"))


@page(Role.STAFF)
@posted("page-connection")
def read_pipelines(request: HttpRequest) -> HttpResponse:
    after = redirect("page-stages" if request.POST.get("next") == "stages" else "page-connection")
    connection = _connected(request)
    if connection is None:
        return after
    try:
        stages = pipelines_sync(connection).stages
    except AmoCRMError as error:
        messages.error(request, _cannot(error))
        return after
    read = ngettext("Pipelines are read: %(count)d stage.", "Pipelines are read: %(count)d stages.", stages)
    messages.success(request, read % {"count": stages})
    return after


@page(Role.STAFF)
@posted("page-connection")
def register_hook(request: HttpRequest) -> HttpResponse:
    connection = _connected(request)
    if connection is not None:
        try:
            hook_register(connection)
        except (RequestError, Unpaid) as error:
            messages.error(request, _("amoCRM did not register the hook: %(why)s") % {"why": retold(error.detail)})
        except AmoCRMError as error:
            messages.error(request, _cannot(error))
        else:
            messages.success(request, _("The hook is registered at amoCRM."))
    return redirect("page-connection")


@page(Role.OWNER)
@posted("page-connection")
def disconnect(request: HttpRequest) -> HttpResponse:
    connection = connection_of(account_of(request))
    if connection is not None:
        connection_disconnect(connection)
        messages.success(request, _("amoCRM is disconnected. What came in before is kept."))
    return redirect("page-connection")


def _page(request: HttpRequest, more: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    account = account_of(request)
    # Who may only read must not be able to send: the addresses are secrets.
    hooks = hook_addresses(account) if role_of(request).covers(Role.STAFF) else []
    condition = condition_of(account)
    context = {
        "condition": condition,
        # Who has to connect again need not know the address by heart.
        "subdomain": condition.connection.host if condition.connection else "",
        "hooks": hooks,
        "here_again": _where_amocrm_leads(request),
        **(more or {}),
    }
    return _to_amocrm(render_page(request, "pages/connection.html", context, status=status))


def _where_amocrm_leads(request: HttpRequest) -> str:
    """This page on the host to which amoCRM leads back, if the browser has opened it on another.

    127.0.0.1 and localhost are two, and a session is of one: who left from here would come back as a stranger.
    """
    back = urlsplit(settings.AMOCRM_REDIRECT_URI)
    if urlsplit(f"//{request.get_host()}").hostname == back.hostname:
        return ""
    return f"{back.scheme}://{back.netloc}{address(reverse('page-connection'), request)}"


def _connected(request: HttpRequest) -> AmoCRMConnection | None:
    """The connection, if it is one that amoCRM can be asked through; else says so."""
    connection = connection_of(account_of(request))
    if connection is not None and connection.state == ConnectionState.CONNECTED:
        return connection
    if request.method == "POST":
        messages.error(request, _("Connect amoCRM first."))
    return None


def _cannot(error: AmoCRMError) -> str:
    return _("amoCRM could not be asked: %(why)s") % {"why": retold(error.detail)}


def _to_amocrm(response: R) -> R:
    """Lets the page's form lead to amoCRM: browsers hold `form-action` against every redirect that follows a form."""
    auth = urlsplit(settings.AMOCRM_AUTH_URL)
    hosts = [f"https://*.{domain}" for domain in DOMAINS]
    response._csp_update = {"form-action": [f"{auth.scheme}://{auth.netloc}", *hosts]}  # type: ignore[attr-defined]
    return response
