"""What somebody had typed into a form when their session was over goes through the login with them.

Nothing is stored for it. It travels in the login form, signed: only what came with a valid CSRF token is ever laid
before a person again, and they send it themselves, with the token of their new session.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

FIELD = "typed"
_SALT = "leads.pages.typed"
_LIFETIME_SECONDS = 24 * 3600
_LOGINS = (settings.LOGIN_URL, "/admin/login/")
# By a part of the field's name. A secret does not lie in a page in which somebody else may sign in.
_LEFT_OUT = ("token", "password")


@dataclass(frozen=True, slots=True)
class Typed:
    """`address`: where it was sent. `fields`: names and values, as a browser sends them."""

    address: str
    fields: list[tuple[str, str]]


def pack(request: HttpRequest, response: HttpResponseBase) -> str:
    """What the login form is to carry as `FIELD`; empty unless this answer sends a form's sender to the login."""
    # A program is told by the redirect.
    if response.status_code != 302 or request.method != "POST" or "text/html" not in request.headers.get("Accept", ""):
        return ""
    target = urlsplit(response["Location"])
    # And back here from there: who chooses a language on the login page is led to it as well.
    here = [request.get_full_path()]
    leads_to_login = target.path in _LOGINS and parse_qs(target.query).get(REDIRECT_FIELD_NAME) == here
    # Files cannot be put into a form again.
    if not leads_to_login or request.FILES:
        return ""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if not any(part in name for part in _LEFT_OUT)
        for value in values
    ]
    return signing.dumps((request.get_full_path(), fields), salt=_SALT, compress=True) if fields else ""


def unpack(request: HttpRequest) -> Typed | None:
    """What the login form carried, if it is whole and not older than a day."""
    try:
        address, fields = signing.loads(request.POST.get(FIELD, ""), salt=_SALT, max_age=_LIFETIME_SECONDS)
    except signing.BadSignature:
        return None
    return Typed(address, [(name, value) for name, value in fields])
