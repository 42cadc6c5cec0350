"""All routes of the product, and all rows of an account: what tests walk over, a new one from its first day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from leads.access import Access, needed_role
from leads.models import Role, UserAccount

# What is open to everybody; the hooks check their signature, /metrics its own token. The language is
# chosen on the login page. A referrer's page is opened by the signed link to it.
OPEN = re.compile(
    r"(healthz|readyz|metrics|login|logout|app/language|api/schema|static/.*|webhooks?/.*|amocrm/disabled|r/.*)$"
)
PAGES = re.compile(r"$|app(/|$)|connection(/|$)|i18n/")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FOREIGN_ID = 9_000_001


@dataclass(frozen=True)
class Route:
    path: str
    callback: Any

    @property
    def view_class(self) -> Any:
        return getattr(self.callback, "cls", None)

    @property
    def access(self) -> Access | None:
        if self.view_class is not None:
            return getattr(self.view_class, "access", Access.ACCOUNT)
        return getattr(self.callback, "access", None)

    @property
    def is_page(self) -> bool:
        return bool(PAGES.match(self.path))

    @property
    def has_row(self) -> bool:
        return "<" in self.path

    def methods(self) -> list[str]:
        if self.view_class is None:
            return ["GET"]
        allowed = self.view_class.http_method_names
        return [m for m in METHODS if m.lower() in allowed and hasattr(self.view_class, m.lower())]

    def url(self, pk: object = FOREIGN_ID) -> str:
        return "/" + re.sub(r"<[^>]+>", str(pk), self.path)

    def needs(self, method: str) -> Role:
        return needed_role(self.view_class, method)


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[Route]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if path == "admin/":  # the admin has walls and tests of its own
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        else:
            yield Route(path, pattern.callback)


ALL = [route for route in routes() if not OPEN.match(route.path)]
API = [route for route in ALL if route.view_class is not None and route.access is Access.ACCOUNT]


def tenant_models() -> list[type[Model]]:
    """Models with an account and a number for an id."""
    ours = ("leads", "analytics", "integrations")
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in ours
        and any(field.name == "user_account" for field in model._meta.fields)
        and model._meta.pk is not None
        and model._meta.pk.get_internal_type() == "BigAutoField"
        and model.__name__ != "Membership"
    ]


def rows_of_account(account: UserAccount) -> dict[str, Any]:
    """All values of all rows, by model."""
    return {
        model.__name__: list(model._base_manager.filter(user_account=account).order_by("pk").values())
        for model in tenant_models()
    }
