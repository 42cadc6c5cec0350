"""`/app`: what came in, what became of it, and whether everything runs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from analytics.pages.dashboard_leads import leads_of
from analytics.pages.dashboard_money import money_of
from analytics.reports.definitions import FUNNEL_FIGURES, ROI_FIGURES
from integrations.models import ProcessingStatus, WebhookLog
from integrations.pages.condition import condition_of
from integrations.pages.deliveries import STATUS_KINDS
from leads.access import account_of, account_rows, open_to_all, page
from leads.models import PipelineStage, UserAccount
from leads.pages.rendering import render_page, render_part

PERIODS = (7, 30, 90)
DEFAULT_PERIOD = 30
LAST_DELIVERIES = 10


@open_to_all
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """`/`: the dashboard, which sends on to the login whoever has to."""
    return redirect("/app/")


@require_safe
@page()
def dashboard(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    days = _period(request)
    leads = leads_of(account, days)
    stages = PipelineStage.objects.filter(user_account=account)
    context = {
        "periods": PERIODS,
        "period": days,
        "leads": leads,
        "has_no_qualified_stage": stages.exists() and not stages.filter(is_qualified_stage=True).exists(),
        "money": money_of(account, days),
        "definitions": {figure.name: figure.meaning for figure in (*FUNNEL_FIGURES, *ROI_FIGURES)},
        "leads_url": f"{reverse('page-leads')}?since={leads.first}",
        **_now(request, account),
    }
    return render_page(request, "pages/dashboard.html", context)


@require_safe
@page()
def dashboard_now(request: HttpRequest) -> HttpResponse:
    """The part of the dashboard that changes while one looks."""
    return render_part(request, "pages/_now.html", _now(request, account_of(request)))


def _now(request: HttpRequest, account: UserAccount) -> dict[str, Any]:
    columns = ("id", "source", "received_at", "processing_status", "lead_id", "error_message")
    deliveries = list(account_rows(WebhookLog, request).only(*columns).order_by("-id")[:LAST_DELIVERIES])
    return {
        "condition": condition_of(account),
        "deliveries": [(row, STATUS_KINDS[ProcessingStatus(row.processing_status)]) for row in deliveries],
    }


def _period(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else DEFAULT_PERIOD
