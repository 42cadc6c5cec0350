"""`GET …/test` of each hook: a person (or the old system's script) asks whether the address is alive."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from analytics.models import Targetologist
from integrations.intake.signature import PATHS, version_of
from integrations.models import Hook
from leads.api.plain import for_reading
from leads.models import PipelineStage, UserAccount

VERSION = "1.0"
SUPPORTED_ROUTES = ["referral", "traffic", "both", "unknown"]


@for_reading
def probe(request: HttpRequest, hook: Hook) -> HttpResponse:
    """Alive, without any effect. What belongs to an account is told only to who has the signed address."""
    answer: dict[str, Any] = {
        "success": True,
        "message": _("The hook %s is ready.") % PATHS[hook],
        "endpoint": PATHS[hook],
        "timestamp": timezone.now().isoformat().replace("+00:00", "Z"),
        "version": VERSION,
    }
    account = _account(request, hook)
    if hook is Hook.AMOCRM:
        answer["supported_routes"] = SUPPORTED_ROUTES
    else:
        answer["pipeline"] = _main_pipeline(account) if account else None
    if hook is Hook.TRAFFIC:
        answer["targetologists"] = _targetologists(account) if account else None
    return JsonResponse(answer)


def _account(request: HttpRequest, hook: Hook) -> UserAccount | None:
    try:
        account_id = uuid.UUID(request.GET.get("user_id", ""))
    except ValueError:
        return None
    version = version_of(account_id, hook, request.GET.get("sig", ""))
    if version is None:
        return None
    return UserAccount.objects.filter(
        pk=account_id, hook_key_oldest__lte=version, hook_key_version__gte=version
    ).first()


def _main_pipeline(account: UserAccount) -> dict[str, Any] | None:
    """The first pipeline as amoCRM sorts them; None before pipelines were read."""
    stage = PipelineStage.objects.filter(user_account=account, is_archived=False).first()
    return {"pipeline_id": stage.pipeline_id, "pipeline_name": stage.pipeline_name} if stage else None


def _targetologists(account: UserAccount) -> list[str]:
    return list(Targetologist.objects.filter(user_account=account).values_list("name", flat=True))
