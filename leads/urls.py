from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from leads.api.ads import Creatives, Directions, OneCreative, OneDirection
from leads.api.leads import Leads, OneLead
from leads.api.stages import OneStage, Pipelines

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("leads.pages.urls")),
    path("leads", Leads.as_view()),
    path("leads/<int:pk>", OneLead.as_view()),
    path("directions", Directions.as_view()),
    path("directions/<int:pk>", OneDirection.as_view()),
    path("creatives", Creatives.as_view()),
    path("creatives/<int:pk>", OneCreative.as_view()),
    path("amocrm/pipelines", Pipelines.as_view()),
    path("amocrm/pipeline-stages/<int:pk>", OneStage.as_view()),
]
