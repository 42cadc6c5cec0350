"""`/app/spend/upload`: spend from a file or pasted rows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from analytics.models import Targetologist
from analytics.pages.spend import TEMPLATE
from analytics.pages.spend_preview import preview_of
from analytics.pages.uploading import Upload
from analytics.spend.checking import NEEDED, check_spend
from analytics.spend.store import store_spend
from leads.access import account_rows, page
from leads.models import Creative, Direction, Role

# As many as a person can look through; more are found by the API.
SHOWN_NAMES = 200


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.STAFF)
def spend_upload(request: HttpRequest) -> HttpResponse:
    return UPLOAD.answer(request)


def _context(request: HttpRequest) -> dict[str, Any]:
    return {
        "columns": TEMPLATE,
        "creatives": account_rows(Creative, request).order_by("-pk")[:SHOWN_NAMES],
        "directions": account_rows(Direction, request).order_by("-pk")[:SHOWN_NAMES],
        "targetologists": account_rows(Targetologist, request)[:SHOWN_NAMES],
    }


UPLOAD = Upload(
    page="page-spend-upload",
    after="page-spend",
    template="pages/spend_upload.html",
    needed=NEEDED,
    check=check_spend,
    store=store_spend,
    preview=preview_of,
    context=_context,
)
