"""Our hook at amoCRM: is it there, is it on, does it tell us all we need?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from integrations.amocrm.client import AmoCRMClient, Webhook
from integrations.amocrm.errors import RequestError, Unpaid
from integrations.intake.signature import hook_url
from integrations.models import AmoCRMConnection, ConnectionState, Hook
from leads.told import told

EVENTS = (
    "add_lead",
    "update_lead",
    "status_lead",
    "delete_lead",
    "restore_lead",
    "add_contact",
    "update_contact",
)

_PLAN = told(
    "Hooks need amoCRM's Advanced or Professional plan. In amoCRM open Settings → Billing; deals are read by the "
    "regular sync meanwhile."
)
LACKS_RIGHTS = told(
    "Only an administrator of the amoCRM account may register hooks: connect again as one, or have one add the "
    "address by hand in amoMarket → ⋯ → WebHooks."
)


@dataclass(frozen=True, slots=True)
class HookStatus:
    """Our hook as amoCRM shows it. `settings`: the events it sends."""

    registered: bool
    disabled: bool
    destination: str
    settings: list[str]
    missing_events: list[str]

    @property
    def is_active(self) -> bool:
        return self.registered and not self.disabled and not self.missing_events


def hook_status(connection: AmoCRMConnection) -> HookStatus:
    """Read live, and remembered as `webhook_active`. Raises AmoCRMError."""
    destination = hook_url(connection.user_account, Hook.AMOCRM)
    found = AmoCRMClient(connection).webhooks(destination)
    status = _status(destination, found[0] if found else None)
    _remember(connection, status)
    return status


def hook_register(connection: AmoCRMConnection) -> HookStatus:
    """Register our hook, or mend it. Afterwards an older address of ours is no longer called.

    Asking twice does no harm. Raises AmoCRMError; `RequestError` or `Unpaid` where the plan or the rights lack hooks,
    whose detail then says what to do about it, as `webhook_detail` does.
    """
    destination = hook_url(connection.user_account, Hook.AMOCRM)
    client = AmoCRMClient(connection)
    try:
        hook = client.register_webhook(destination, EVENTS)
        if hook.is_disabled:
            # The documents have an admin press a button; a hook made anew needs none.
            client.delete_webhook(destination)
            hook = client.register_webhook(destination, EVENTS)
    except (RequestError, Unpaid) as error:
        # A 402 here need not mean that the account itself is unpaid.
        error.detail = _PLAN if isinstance(error, Unpaid) else f"{error.detail} {LACKS_RIGHTS}"
        _remember(connection, _status(destination, None), why=error.detail)
        raise
    if connection.webhook_destination not in ("", destination):
        client.delete_webhook(connection.webhook_destination)
    status = _status(destination, hook)
    _remember(connection, status)
    return status


def _status(destination: str, hook: Webhook | None) -> HookStatus:
    events = list(hook.settings) if hook else []
    return HookStatus(
        registered=hook is not None,
        disabled=hook is not None and hook.is_disabled,
        destination=destination,
        settings=events,
        missing_events=[event for event in EVENTS if event not in events],
    )


def _remember(connection: AmoCRMConnection, status: HookStatus, why: str = "") -> None:
    seen: dict[str, Any] = {"webhook_active": status.is_active, "updated_at": timezone.now()}
    if why or status.is_active:  # why amoCRM refused the hook stays true of one that is only looked at
        seen["webhook_detail"] = why
    if status.registered:
        seen["webhook_destination"] = status.destination
    # What was asked of a connection that somebody has parted from since is old.
    connection.unless_reconnected().exclude(state=ConnectionState.DISCONNECTED).update(**seen)
    connection.webhook_active = status.is_active
    connection.webhook_destination = str(seen.get("webhook_destination", connection.webhook_destination))
