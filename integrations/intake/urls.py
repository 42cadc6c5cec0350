"""The hooks' addresses. `/webhook/amocrm` is the older name of the unified one."""

from __future__ import annotations

from django.urls import URLPattern, path

from integrations.intake.probe import probe
from integrations.intake.views import receive
from integrations.models import Hook

ADDRESSES = {
    "webhooks/amocrm": Hook.AMOCRM,
    "webhook/amocrm": Hook.AMOCRM,
    "webhook/amocrm/traffic": Hook.TRAFFIC,
    "webhook/amocrm/referral": Hook.REFERRAL,
}

urlpatterns: list[URLPattern] = [
    *(path(address, receive, {"hook": hook}) for address, hook in ADDRESSES.items()),
    *(path(f"{address}/test", probe, {"hook": hook}) for address, hook in ADDRESSES.items()),
]
