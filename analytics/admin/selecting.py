"""Rows that were chosen in a list, on their way to a page of their own: `?ids=1,2,3`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from leads.ids import ids_in

MOST = 500


def to_page(name: str, ids: QuerySet[Any, Any] | Sequence[object]) -> HttpResponseRedirect:
    """To the page of this URL name, with the first `MOST` of the ids."""
    return HttpResponseRedirect(f"{reverse(name)}?ids={','.join(map(str, ids[:MOST]))}")


def ids_asked(request: HttpRequest) -> list[int]:
    """The ids of `?ids=`, at most `MOST`."""
    return ids_in(request.GET.get("ids", "") or request.POST.get("ids", ""))[:MOST]
