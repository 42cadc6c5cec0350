"""A receiver as it is usually written with Django: the middleware of a new project, one `objects.create` per delivery.

As dj-stripe stores what triggers it. Run apart from the product, with settings of its own.
"""

from __future__ import annotations

import os

import environ
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(
    SECRET_KEY=os.urandom(32).hex(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    # Kept connections: without them it would be six times slower.
    DATABASES={"default": environ.Env.db_url_config(os.environ["DATABASE_URL"]) | {"CONN_MAX_AGE": None}},
    INSTALLED_APPS=[f"django.contrib.{app}" for app in ("auth", "contenttypes", "sessions", "messages")],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)
application = get_wsgi_application()


class Delivery(models.Model):
    user_id = models.UUIDField()
    content_type = models.TextField()
    body = models.TextField()

    class Meta:
        app_label = "peer"
        db_table = "peer_deliveries"


@csrf_exempt
def receive(request: HttpRequest) -> JsonResponse:
    user_id, content_type = request.GET["user_id"], request.headers["Content-Type"]
    Delivery._default_manager.create(user_id=user_id, content_type=content_type, body=request.body.decode())
    return JsonResponse({"success": True})


urlpatterns = [path("", receive)]
