"""What a page's htmx and we tell each other in headers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def is_for_part(request: HttpRequest) -> bool:
    """Whether htmx asks, which lays the answer into a page that is open."""
    return "HX-Request" in request.headers


def reload_page() -> HttpResponse:
    """Instead of a part: the page that asked is opened anew."""
    return HttpResponse(headers={"HX-Refresh": "true"})
