"""The language in which a person is spoken to: their own choice, else their browser's.

Django's `LocaleMiddleware` has read cookie and browser before; what a person has chosen stands above both.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from rest_framework.authentication import TokenAuthentication as PlainTokenAuthentication

from leads.models import ApiToken, User
from leads.models.tokens import digest

ALIVE = "/healthz"


def speak_to(user: object) -> None:
    """From here on this request is answered in the person's language, if they have chosen one."""
    if isinstance(user, User) and user.language:
        translation.activate(user.language)


def person_language(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware, to stand after the one that finds the user."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # Deliveries and probes carry no session, and cost no query for it; `/healthz` never asks the database.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.path_info != ALIVE:
            # Whoever needs the database will meet its error by themselves.
            with suppress(DatabaseError):
                speak_to(request.user)
        return get_response(request)

    return middleware


class TokenAuthentication(PlainTokenAuthentication):
    """The framework's. Whoever comes with a token is known only here, after all middleware."""

    model = ApiToken

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        user, token = super().authenticate_credentials(digest(key))
        speak_to(user)
        return user, token
