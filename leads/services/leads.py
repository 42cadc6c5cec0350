"""Leads that come from our own side: a website's form, a chat, a person at the desk."""

from __future__ import annotations

from dataclasses import asdict

from django.db import IntegrityError, transaction

from leads.deals.apply import lock_account
from leads.models import Creative, Lead, LeadSource, UserAccount
from leads.news import UTM_KEYS, Utm
from leads.people import remember_again
from leads.phones import normalise_phone


def lead_enter(
    *,
    account: UserAccount,
    name: str = "",
    phone: str = "",
    chat_id: str = "",
    source: LeadSource = LeadSource.MANUAL,
    creative: Creative | None = None,
    direction_id: int | None = None,
    utm: Utm | None = None,
    external_id: str | None = None,
    push_pipeline_id: int | None = None,
) -> tuple[Lead, bool]:
    """Enter a lead. Returns it, and whether it is new: the same `external_id` gives the lead that has it, unchanged.

    The phone stays as entered; of several numbers the first is compared with others'. Where it holds none, the
    WhatsApp chat's number is. `creative` and `direction_id` must be the account's.
    """
    if external_id and (known := _known(account, external_id)):
        return known, False
    own_utm = {key: value for key, value in asdict(utm or Utm()).items() if key in UTM_KEYS}
    lead = Lead(
        user_account=account,
        name=name,
        phone=phone,
        phone_e164=_phone(account, phone, chat_id),
        chat_id=chat_id,
        source=source,
        creative=creative,
        direction_id=direction_id or (creative.direction_id if creative else None),
        own_utm=own_utm if utm else {},
        external_id=external_id or None,
        push_pipeline_id=push_pipeline_id,
        **{f"utm_{key}": value for key, value in own_utm.items()},
    )
    try:
        with transaction.atomic():
            # A deal that is being matched at this moment either sees this lead, or was met before it.
            lock_account(account)
            remember_again(account, [lead.phone_e164] if lead.phone_e164 else [])
            lead.save(force_insert=True)
    except IntegrityError:
        # Somebody sent the same external_id at this moment: theirs is the lead.
        winner = _known(account, external_id) if external_id else None
        if winner is None:
            raise
        return winner, False
    return lead, True


def _known(account: UserAccount, external_id: str) -> Lead | None:
    return Lead.objects.filter(user_account=account, external_id=external_id).first()


def _phone(account: UserAccount, phone: str, chat_id: str) -> str | None:
    return normalise_phone(phone, account.phone_region) or normalise_phone(chat_id, account.phone_region)
