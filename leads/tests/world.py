"""A small named world for tests: an account, its leads, and a shorthand for news of deals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from leads.deals.apply import apply_news, lock_account
from leads.deals.changes import LeadChange
from leads.models import Creative, Lead, LeadSource, LeadStatusHistory, UserAccount
from leads.news import ContactSnapshot, DealSnapshot

EPOCH = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PIPELINE = 10


def at(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def account(**values: Any) -> UserAccount:
    return UserAccount.objects.create(name=values.pop("name", "Alfa"), **values)


def response(owner: UserAccount, phone: str, **values: Any) -> Lead:
    """A lead that an ad brought, not yet tied to a deal."""
    values.setdefault("source", LeadSource.WEBSITE)
    return Lead.objects.create(user_account=owner, phone=phone, phone_e164=phone, **values)


def told(deal_id: int, status_id: int, seconds: int, **values: Any) -> DealSnapshot:
    """What a hook says."""
    values.setdefault("pipeline_id", PIPELINE)
    values.setdefault("price", Decimal(0))
    return DealSnapshot(deal_id, status_id=status_id, updated_at=at(seconds), **values)


def read(deal_id: int, status_id: int, seconds: int, **values: Any) -> DealSnapshot:
    """What the CRM answers."""
    values.setdefault("created_at", at(deal_id))
    values.setdefault("is_deleted", False)
    values.setdefault("read_at", timezone.now())
    return told(deal_id, status_id, seconds, **values)


def contact(contact_id: int, *phones: str, name: str = "") -> ContactSnapshot:
    return ContactSnapshot(contact_id, name=name, phones=phones)


def apply(owner: UserAccount, *news: DealSnapshot | ContactSnapshot) -> list[LeadChange]:
    with transaction.atomic():
        return apply_news(
            owner,
            deals=[item for item in news if isinstance(item, DealSnapshot)],
            contacts=[item for item in news if isinstance(item, ContactSnapshot)],
            now=timezone.now(),
        )


def history(deal_id: int) -> list[tuple[int | None, int, int]]:
    """(from, to, seconds) of a deal's stage changes."""
    changes = LeadStatusHistory.objects.filter(amocrm_lead_id=deal_id).order_by("changed_at", "tie")
    return [
        (change.from_status_id, change.to_status_id, int((change.changed_at - EPOCH).total_seconds()))
        for change in changes
    ]


def whole_state(owner: UserAccount) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    """Leads and history without what may differ between two runs: ids, times of ours, evidence."""
    volatile = {"id", "created_at", "updated_at", "lead_at", "matched_at", "origin_lead_id", "user_account_id"}
    volatile |= {"fate_read_at", "creative_id", "direction_id"}
    deal_of = dict(Lead.objects.values_list("id", "amocrm_lead_id"))
    creatives = dict(Creative.objects.values_list("id", "name"))
    leads = []
    for values in Lead.objects.filter(user_account=owner).order_by("amocrm_lead_id", "phone_e164", "name").values():
        shown = {key: value for key, value in values.items() if key not in volatile}
        creative = creatives.get(values["creative_id"] or 0)
        leads.append({**shown, "origin_deal": deal_of.get(values["origin_lead_id"] or 0), "creative": creative})
    changes = LeadStatusHistory.objects.filter(user_account=owner).order_by("amocrm_lead_id", "changed_at", "tie")
    return leads, list(
        changes.values_list(
            "amocrm_lead_id", "changed_at", "from_pipeline_id", "from_status_id", "to_pipeline_id", "to_status_id"
        )
    )


def others_first(monkeypatch: pytest.MonkeyPatch, module: ModuleType, act: Callable[[], object]) -> None:
    """Somebody acts after `module` has read a row and before it locks the account."""

    def lock(account: UserAccount) -> None:
        monkeypatch.undo()
        act()
        lock_account(account)

    monkeypatch.setattr(module, "lock_account", lock)
