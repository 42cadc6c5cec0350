from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from analytics.api.targetologists import OneTargetologist, Targetologists

urlpatterns: list[URLPattern | URLResolver] = [
    path("targetologists", Targetologists.as_view()),
    path("targetologists/<int:pk>", OneTargetologist.as_view()),
]
