"""What stands beside the hook: a Django view without any middleware that stores the same row the usual way.

It checks no signature and rings no bell. Served by the same server with the same settings otherwise.
"""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from benchmarks.load import CONTENT_TYPE

settings.MIDDLEWARE = []
settings.ROOT_URLCONF = __name__
application = get_wsgi_application()


def create(request: HttpRequest) -> JsonResponse:
    from integrations.models import Hook, WebhookLog

    row = WebhookLog.objects.create(
        user_account_id=request.GET["user_id"],
        source=Hook.AMOCRM,
        raw_body=request.body,
        content_type=request.headers.get("Content-Type", CONTENT_TYPE),
        request_id=request.headers.get("X-Amocrm-Requestid", ""),
    )
    answer = JsonResponse({"success": True, "delivery_id": row.pk})
    answer["Content-Length"] = len(answer.content)  # a middleware's work otherwise; without it, a body in chunks
    return answer


urlpatterns = [path("bare", create)]
