from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from integrations.api.webhook_logs import OneWebhookLog, Replay, WebhookLogs

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("integrations.pages.urls")),
    path("", include("integrations.intake.urls")),
    path("api/admin/webhook-logs", WebhookLogs.as_view()),
    path("api/admin/webhook-logs/<int:pk>", OneWebhookLog.as_view()),
    path("api/admin/webhook-logs/<int:pk>/replay", Replay.as_view()),
]
