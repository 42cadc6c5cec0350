from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from integrations.api import connection, consent, sync
from integrations.api.leads import LeadsOnTheirWay, PushOne
from integrations.api.sales import OneSaleToldOf, SalesToldOf
from integrations.api.webhook_logs import OneWebhookLog, Replay, WebhookLogs

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("integrations.pages.urls")),
    path("", include("integrations.intake.urls")),
    path("leads", LeadsOnTheirWay.as_view()),
    path("leads/<int:pk>/push", PushOne.as_view()),
    path("sales", SalesToldOf.as_view()),
    path("sales/<int:pk>", OneSaleToldOf.as_view()),
    path("amocrm/auth", consent.AuthView.as_view(), name="amocrm_auth"),
    path("amocrm/callback", consent.CallbackView.as_view()),
    path("amocrm/status", connection.StatusView.as_view()),
    path("amocrm/disconnect", connection.DisconnectView.as_view()),
    path("amocrm/disabled", connection.DisabledView.as_view()),
    path("amocrm/webhook-status", connection.WebhookStatusView.as_view()),
    path("amocrm/register-webhook", connection.RegisterWebhookView.as_view()),
    path("amocrm/sync-pipelines", connection.SyncPipelinesView.as_view()),
    path("amocrm/sync-leads", sync.SyncLeadsView.as_view()),
    path("amocrm/sync-runs", sync.SyncRunsView.as_view()),
    path("amocrm/sync-runs/<int:pk>", sync.SyncRunView.as_view()),
    path("amocrm/sync-runs/<int:pk>/cancel", sync.CancelSyncRunView.as_view()),
    path("api/admin/webhook-logs", WebhookLogs.as_view()),
    path("api/admin/webhook-logs/<int:pk>", OneWebhookLog.as_view()),
    path("api/admin/webhook-logs/<int:pk>/replay", Replay.as_view()),
]
