"""Signing in and out, and the language of the pages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from axes.helpers import get_cool_off
from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from leads.access import open_to_all
from leads.languages import speak_to
from leads.models import User
from leads.pages import typed

LANGUAGES = frozenset(code for code, _name in settings.LANGUAGES)
YEAR_SECONDS = 365 * 24 * 3600
TOO_MANY_REQUESTS = 429


class SignInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("This e-mail and password do not belong together. Check both and try again."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email, password = self.fields["username"], self.fields["password"]
        email.label = _("E-mail")
        email.widget = forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True, "maxlength": 254})
        email.error_messages["required"] = _("Enter your e-mail.")
        password.label = _("Password")
        password.error_messages["required"] = _("Enter your password.")

    def clean_username(self) -> str:
        # As it is stored: people write their e-mail with capitals and spaces around it.
        return User.objects.normalize_email(self.cleaned_data["username"])


class SignIn(LoginView):
    """`/login`: fields `username` (the e-mail) and `password`; `next` is followed within this site only."""

    template_name = "pages/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        # Also after a wrong password.
        return super().get_context_data(typed=self.request.POST.get(typed.FIELD, ""), **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        user = form.get_user()
        kept = typed.unpack(self.request)
        if kept is not None:
            speak_to(user)
            response = _uncached(render(self.request, "pages/typed.html", {"typed": kept}))
        if isinstance(user, User) and user.language:
            _remember_language(response, user.language)
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        if not getattr(self.request, "axes_locked_out", False):
            return super().form_invalid(form)
        # The lock is told in the form itself; axes' middleware would put a page of its own in our place.
        self.request.axes_locked_out = False  # type: ignore[attr-defined]
        cool_off = get_cool_off(self.request)
        minutes = math.ceil(cool_off.total_seconds() / 60) if cool_off else 0
        context = self.get_context_data(form=form, locked_minutes=max(minutes, 1))
        return self.render_to_response(context, status=TOO_MANY_REQUESTS)


def typed_is_kept(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: who sends a form after their session is over gets a login that carries what they typed."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        packed = typed.pack(request, response)
        if not packed:
            return response
        context = {"form": SignInForm(request), "next": request.get_full_path(), typed.FIELD: packed}
        return _uncached(render(request, SignIn.template_name, context))

    return middleware


def _uncached(response: HttpResponse) -> HttpResponse:
    add_never_cache_headers(response)
    return response


sign_in = open_to_all(SignIn.as_view())
sign_out = open_to_all(LogoutView.as_view())


@open_to_all
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Stores `language` (ru, en) with the person and in the cookie; goes back to `next`, or to where it was chosen."""
    after = request.POST.get("next") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}, require_https=request.is_secure()):
        after = settings.LOGIN_REDIRECT_URL
    response = redirect(after)
    language = request.POST.get("language", "")
    if language in LANGUAGES:
        _remember_language(response, language)
        if isinstance(request.user, User):
            User.objects.filter(pk=request.user.pk).update(language=language)
    return response


def _remember_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=YEAR_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
