"""Content-Security-Policy: strict for our pages, looser where the admin's theme needs it."""

from __future__ import annotations

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

STRICT: dict[str, Any] = {
    "default-src": [SELF],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}

# Unfold's Alpine evaluates expressions from attributes; without these even its login form is covered by an open modal.
ADMIN: dict[str, Any] = {
    "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
}


class PathCSPMiddleware(CSPMiddleware):
    """django-csp with the admin's additions under `/admin/`. A view's own decorators still win."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts: PolicyParts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/"):
            parts.replace = {**ADMIN, **(parts.replace or {})}
        return parts
