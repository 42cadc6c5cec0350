"""Addresses of the core's pages."""

from __future__ import annotations

from django.urls import path

from leads.pages.lead_card import lead_card
from leads.pages.lead_list import lead_list
from leads.pages.signing import choose_language, sign_in, sign_out
from leads.pages.stages import stage_list, stage_qualified

urlpatterns = [
    path("login", sign_in, name="login"),
    path("logout", sign_out, name="logout"),
    path("app/language", choose_language, name="page-language"),
    path("app/leads", lead_list, name="page-leads"),
    path("app/leads/<int:pk>", lead_card, name="page-lead"),
    path("app/stages", stage_list, name="page-stages"),
    path("app/stages/<int:pk>/qualified", stage_qualified, name="page-stage-qualified"),
]
