"""The hooks' one view: check the signature, store, answer. Everything else happens later, in the drain."""

from __future__ import annotations

import uuid

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.intake.doorbell import ring
from integrations.intake.signature import version_of
from integrations.intake.store import Arrival, NotStored, store
from integrations.models import Hook

logger = structlog.get_logger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024


@csrf_exempt
def receive(request: HttpRequest, hook: Hook) -> HttpResponse:
    """A delivery of amoCRM. 200 once committed, whatever the body is; 403 unsigned; 413 too large; 503 not stored."""
    if request.method != "POST":
        detail = "Deliveries are posted here. To see whether the address is alive, GET …/test."
        return JsonResponse({"detail": detail}, status=405, headers={"Allow": "POST"})
    account_id = _uuid(request.GET.get("user_id", ""))
    version = version_of(account_id, hook, request.GET.get("sig", "")) if account_id else None
    if account_id is None or version is None:
        return _refused()
    body = _body(request)
    if body is None:
        return JsonResponse({"detail": "The body is larger than 10 MB and was not stored."}, status=413)
    arrival = Arrival(
        account_id,
        hook,
        version,
        body,
        request.headers.get("Content-Type", ""),
        request.headers.get("X-Amocrm-Requestid", ""),
    )
    try:
        delivery_id = store(arrival)
    except NotStored as error:
        logger.error("delivery_not_stored", account=str(account_id), error=str(error))
        return JsonResponse({"detail": "The delivery could not be stored. Send it again."}, status=503)
    if delivery_id is None:
        return _refused()
    ring(account_id, delivery_id)
    return JsonResponse({"success": True, "delivery_id": delivery_id})


def _refused() -> JsonResponse:
    detail = "This address is not signed for this account and hook. Copy the current one from the connection page."
    return JsonResponse({"detail": detail}, status=403)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _body(request: HttpRequest) -> bytes | None:
    """The raw body; None when it is too large. Never parsed here: any number of fields is stored."""
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > MAX_BODY_BYTES:
        return None
    # Chunked bodies announce no length, which Django takes for an empty body; the server has decoded them.
    is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream = request.META["wsgi.input"] if is_chunked else request
    body: bytes = stream.read(MAX_BODY_BYTES + 1)
    return None if len(body) > MAX_BODY_BYTES else body
