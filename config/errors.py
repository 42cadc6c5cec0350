"""Errors that no view answered: JSON with a `detail` for programs, a page for people."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.translation import gettext as _
from django.views import defaults

from config.paths import is_page
from integrations.secrets import NoKeyFits
from leads.models.accounts import UnknownZone
from leads.turns import is_cut_short, is_out_of_reach, is_overtaken


def wants_page(request: HttpRequest) -> bool:
    """People are at the pages' addresses, or come with a browser to an address that is none."""
    if request.path == "/api" or request.path.startswith("/api/"):
        return False
    return is_page(request.path_info) or "text/html" in request.headers.get("Accept", "")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_page(request):
        return defaults.bad_request(request, exception)
    return JsonResponse({"detail": _("The request makes no sense here.")}, status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_page(request):
        return defaults.permission_denied(request, exception)
    return JsonResponse({"detail": _("You may not do this.")}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_page(request):
        return defaults.page_not_found(request, exception)
    return JsonResponse({"detail": _("There is nothing at this address.")}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 where the database is out of reach, locked, full or read-only, or took too long; 409 where somebody else was
    quicker; else 500, with what to mend where that is known.
    """
    error = sys.exception()
    if is_cut_short(error):
        detail = _("That takes too long: it is too much to look through at once. Narrow it down, as by days.")
        return _answer(request, 503, "too_much.html", detail)
    if is_out_of_reach(error):
        return _answer(request, 503, "503.html", _("The database is out of reach. Try again in a minute."))
    if is_overtaken(error):
        detail = _("Somebody has just deleted or added what this names. Nothing was stored: look again, and repeat it.")
        return _answer(request, 409, "409.html", detail)
    if isinstance(error, NoKeyFits):
        detail = _(
            "A stored secret cannot be opened with any key of FIELD_ENCRYPTION_KEYS: add the key it was saved with."
        )
        return _answer(request, 500, "no_key_fits.html", detail)
    if isinstance(error, UnknownZone):
        detail = _("This server does not know the account's time zone “%s”. Choose another in its settings.")
        return _answer(request, 500, "unknown_zone.html", detail % error.account.timezone, account=error.account)
    if wants_page(request):
        return defaults.server_error(request)
    return JsonResponse({"detail": _("Something went wrong here. It has been logged.")}, status=500)


def _answer(request: HttpRequest, status: int, page: str, detail: str, **context: object) -> HttpResponse:
    if wants_page(request):
        return HttpResponse(loader.get_template(page).render(context), status=status)
    return JsonResponse({"detail": detail}, status=status)
