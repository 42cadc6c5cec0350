"""Every error of a view is JSON with a `detail` that a person understands. What never reaches one: `config.errors`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.fields import get_error_detail
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler


class Conflict(exceptions.APIException):
    """409: the request is sound, but what it asks for is taken by another row."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = gettext_lazy("This is already taken.")
    default_code = "conflict"


class TooLarge(exceptions.APIException):
    """413: the body is beyond `DATA_UPLOAD_MAX_MEMORY_SIZE`, and was not read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self) -> None:
        super().__init__(
            _("The body is larger than %(n)s MB.") % {"n": (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) // 1024 // 1024}
        )


def error_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """`{"detail": "<one sentence or several>"}`, and for a validation also `fields: {name: [message, …]}`.

    None for what is not foreseen: Django then logs it and answers by `config.errors.server_error`.
    """
    if isinstance(exc, DjangoValidationError):
        exc = exceptions.ValidationError(get_error_detail(exc))
    if isinstance(exc, Http404):
        exc = exceptions.NotFound(str(exc) if exc.args and isinstance(exc.args[0], str) else _("There is no such row."))
    if isinstance(exc, RequestDataTooBig):
        exc = TooLarge()
    response = exception_handler(exc, context)
    if response is not None and isinstance(exc, exceptions.ValidationError):
        response.data = validation_body(response.data)
    return response


def validation_body(errors: Any) -> dict[str, Any]:
    """`{"detail", "fields"}` out of the REST framework's nested errors. Without field errors: no `fields`."""
    body: dict[str, Any] = {"detail": " ".join(dict.fromkeys(_sentences(errors)))}
    if isinstance(errors, Mapping):
        own = ((key, value) for key, value in errors.items() if key != api_settings.NON_FIELD_ERRORS_KEY)
        fields = {key: list(_sentences(value)) for key, value in own}
        body |= {"fields": fields} if fields else {}
    return body


def _sentences(errors: Any, path: str = "") -> Iterator[str]:
    if isinstance(errors, Mapping):
        for key, value in errors.items():
            own = "" if key == api_settings.NON_FIELD_ERRORS_KEY else str(key)
            yield from _sentences(value, ".".join(filter(None, (path, own))))
    elif isinstance(errors, list | tuple):
        for value in errors:
            yield from _sentences(value, path)
    else:
        yield f"{path}: {errors}" if path else str(errors)
