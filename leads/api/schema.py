"""What every operation has in the OpenAPI schema: `userAccountId`, and the shape of errors."""

from __future__ import annotations

from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import Direction, OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from leads.access import ACCOUNT_PARAMETER, Access

ACCOUNT = OpenApiParameter(
    ACCOUNT_PARAMETER,
    OpenApiTypes.UUID,
    description="One of your accounts. May be left out by who has only one; may also stand in the body.",
)
ERRORS = {
    "400": "The request is senseless; `detail` says why.",
    "401": "Nobody is signed in.",
    "403": "Your role in this account is too low.",
    "404": "There is no such row or account, or it is another's.",
}
OF_WRITING = {
    "409": "What is asked for is taken, or things do not stand so that it could be done; `detail` says why.",
    "413": "The body is too large, and was not read.",
    "415": "The body is of a kind that is not read here.",
}


# `fields` is a name that a serializer class has for itself, so this one is made without a class body.
Error = inline_serializer(
    "Error",
    {
        "detail": serializers.CharField(help_text=_("What went wrong, for a person.")),
        "fields": serializers.DictField(
            child=serializers.ListField(child=serializers.CharField()),
            required=False,
            help_text=_("By field, when values were refused."),
        ),
    },
)


class OurSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "leads.access.Session"


class SessionOnlyScheme(SessionScheme):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "leads.access.SessionOnly"
    name = "sessionOnly"


class AccountSchema(AutoSchema):
    """drf-spectacular's, with what `AccountPermission` and `error_response` do for every view."""

    def get_override_parameters(self) -> list[Any]:
        own = [ACCOUNT] if self._access() is Access.ACCOUNT else []
        return [*super().get_override_parameters(), *own]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        if self._access() is Access.OPEN:
            return bodies
        for code, description in (ERRORS if self.method in SAFE_METHODS else ERRORS | OF_WRITING).items():
            if code not in bodies:
                bodies[code] = cast("Any", self)._get_response_for_code(Error, code) | {"description": description}
        return bodies

    def _access(self) -> Access:
        access: Access = getattr(self.view, "access", Access.ACCOUNT)
        return access
