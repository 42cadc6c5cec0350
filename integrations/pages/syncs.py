"""The connection page's part about syncs: the run under way, past runs, how well the hooks do, starting, cancelling."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations.models import HookDay, SyncRun
from integrations.sync import runs
from integrations.sync.figures import hook_week, last_delays
from integrations.sync.tasks import work_on_sync
from integrations.waking import wake
from leads.access import account_of, page, posted, role_of
from leads.models import Role, UserAccount
from leads.pages.rendering import render_part

_PAST = 5


@dataclass(frozen=True, slots=True)
class SyncsNow:
    """`percent` and `minutes_left` None: not known (yet). `allowed`: requests a second."""

    running: SyncRun | None
    percent: float | None
    minutes_left: int | None
    allowed: float
    past: list[SyncRun]
    hooks: HookDay
    delays: tuple[float, float] | None


def syncs_of(account: UserAccount) -> SyncsNow:
    rows = SyncRun.objects.filter(user_account=account, kind__in=runs.WORKED)
    running = rows.filter(state=SyncRun.State.RUNNING).order_by("pk").first()
    progress = running.progress if running else {}
    expected, left = progress.get("expected"), progress.get("eta_seconds")
    return SyncsNow(
        running=running,
        percent=min(100.0, 100 * progress.get("done", 0) / expected) if expected else None,
        minutes_left=None if left is None else max(1, round(left / 60)),
        allowed=settings.AMOCRM_REQUESTS_PER_SECOND,
        past=list(rows.exclude(state=SyncRun.State.RUNNING).order_by("-pk")[:_PAST]),
        hooks=hook_week(account),
        delays=last_delays(account),
    )


@require_safe
@page()
def show(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    context = {"syncs": syncs_of(account), "may_sync": role_of(request).covers(Role.STAFF)}
    return render_part(request, "pages/_syncs.html", context)


@page(Role.STAFF)
@posted("page-connection")
def start(request: HttpRequest) -> HttpResponse:
    try:
        run = runs.start(account_of(request), full="full" in request.POST)
    except runs.NotConnected as reason:
        messages.error(request, str(reason))
    else:
        wake(work_on_sync, run.pk)
    return redirect("page-connection")


@page(Role.STAFF)
@posted("page-connection")
def cancel(request: HttpRequest) -> HttpResponse:
    for run in SyncRun.objects.filter(user_account=account_of(request), state=SyncRun.State.RUNNING):
        runs.cancel(run)
        messages.success(request, _("The sync stops before its next page. What it has read stays."))
    return redirect("page-connection")
