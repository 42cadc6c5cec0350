"""Every path with and without a trailing slash, and again under `/api/`, answered in place.

Solved once, before routing: `request.path_info` is brought to the one spelling that urls.py declares (no `/api`, no
trailing slash; the admin's own paths with theirs). `request.path` stays as the caller typed it.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

API = "/api"
# These live under /api and nowhere else.
ONLY_UNDER_API = ("/api/admin", "/api/schema")
# What a person opens in a browser is no part of the API, so it has no second address there.
PAGES = ("/app", "/login", "/logout", "/connection", "/admin", "/static", "/r")
# A path that no route has: what the middleware turns a page's address under /api into.
NOWHERE = "/api/"


def canonical(path: str) -> str:
    """The spelling of `path` that the routes are declared in.

    >>> canonical("/api/amocrm/status/")
    '/amocrm/status'
    >>> canonical("/admin/leads/lead")
    '/admin/leads/lead/'
    """
    if _is_under(path, "/static") or path == "/":
        return path
    if _is_under(path, "/admin"):
        return path if path.endswith("/") else f"{path}/"
    path = path.removesuffix("/") or path
    if not _is_under(path, API) or any(_is_under(path, prefix) for prefix in ONLY_UNDER_API):
        return path
    rest = path.removeprefix(API)
    if rest in ("", "/") or any(_is_under(rest, page) for page in PAGES) or _is_under(rest, API):
        return NOWHERE
    return rest


def is_page(path: str) -> bool:
    """Whether a person opens this address in a browser (or would, were there a page)."""
    return path == "/" or any(_is_under(path, page) for page in PAGES)


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


class CanonicalPathMiddleware:
    """Routes a request by the canonical spelling of its path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.path_info = canonical(request.path_info)
        return self.get_response(request)
