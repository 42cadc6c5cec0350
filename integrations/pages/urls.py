"""Addresses of the edge's pages."""

from __future__ import annotations

from django.urls import path

from integrations.pages import connection, dashboard, deliveries, meta, sync_run, syncs

urlpatterns = [
    path("", dashboard.home, name="page-home"),
    path("app", dashboard.dashboard, name="page-dashboard"),
    path("app/now", dashboard.dashboard_now, name="page-dashboard-now"),
    path("app/deliveries", deliveries.delivery_list, name="page-deliveries"),
    path("app/deliveries/<int:pk>", deliveries.delivery_card, name="page-delivery"),
    path("app/deliveries/<int:pk>/body", deliveries.delivery_body, name="page-delivery-body"),
    path("app/deliveries/<int:pk>/replay", deliveries.delivery_replay, name="page-delivery-replay"),
    path("app/syncs/<int:pk>", sync_run.sync_run, name="page-sync"),
    path("app/spend/meta", meta.meta_page, name="page-meta"),
    path("app/spend/meta/read", meta.meta_read, name="page-meta-read"),
    path("app/spend/meta/creatives", meta.meta_creatives, name="page-meta-creatives"),
    path("connection", connection.show, name="page-connection"),
    path("connection/state", connection.state, name="page-connection-state"),
    path("connection/hook", connection.hook, name="page-connection-hook"),
    path("connection/syncs", syncs.show, name="page-connection-syncs"),
    path("connection/syncs/start", syncs.start, name="page-connection-sync"),
    path("connection/syncs/cancel", syncs.cancel, name="page-connection-sync-cancel"),
    path("connection/connect", connection.connect, name="page-connection-connect"),
    path("connection/pipelines", connection.read_pipelines, name="page-connection-pipelines"),
    path("connection/register", connection.register_hook, name="page-connection-register"),
    path("connection/disconnect", connection.disconnect, name="page-connection-disconnect"),
]
