"""All routes, each declared once: without a trailing slash and without `/api` (see `config.paths`)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from config import health
from config.metrics import BeatCollector
from integrations.metrics import metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics, {"others": [BeatCollector()]}),
    path("api/schema", SpectacularJSONAPIView.as_view(), name="schema"),
    # The edge first: its POST /leads is the core's, with the way to amoCRM added.
    path("", include("integrations.urls")),
    path("", include("leads.urls")),
    path("", include("analytics.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
