"""Lists: `{"count", "next", "previous", "results"}`, with `page` and `page_size`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.paginator import EmptyPage
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from leads.paging import KeysFirst

if TYPE_CHECKING:
    from rest_framework.views import APIView

MAX_PAGE_SIZE = 500
# A page beyond this needs an offset that no database takes.
MAX_PAGE = 10**9


class Pages(PageNumberPagination):
    """Senseless or too large values are 400 with a clear text, a page after the last is 404."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    django_paginator_class = KeysFirst

    def get_page_size(self, request: Request) -> int:
        return positive_number(request, self.page_size_query_param, default=self.page_size, highest=self.max_page_size)

    def paginate_queryset(
        self, queryset: QuerySet[Any] | Sequence[Any], request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        self.request = request
        number = positive_number(request, self.page_query_param, default=1, highest=MAX_PAGE)
        paginator = self.django_paginator_class(queryset, self.get_page_size(request))
        try:
            self.page = paginator.page(number)
        except EmptyPage:
            raise exceptions.NotFound(
                _("There is no page %(number)s; the last one is %(last)s.")
                % {"number": number, "last": paginator.num_pages}
            ) from None
        return list(self.page)


def positive_number(request: Request, name: str, *, default: int, highest: int) -> int:
    """A query parameter as a whole number from 1 to `highest`; `default` when left out. Raises ValidationError."""
    raw = request.query_params.get(name)
    if raw in (None, ""):
        return default
    text = str(raw)
    if not (text.isascii() and text.isdecimal() and len(text) < 12 and 1 <= int(text) <= highest):
        raise exceptions.ValidationError(
            {name: [_("Use a whole number from 1 to %(highest)s.") % {"highest": highest}]}
        )
    return int(text)
