"""One amoCRM account: everything that belongs to it, under one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import Clock, Ids
from .contacts import Contacts
from .deals import Deals
from .ground import Ground
from .models import Contact, Deal, Hook, LossReason, Profile
from .switches import Switches
from .unsorted import Unsorted

LOSS_REASONS = ("Дорого", "Не смогли выйти на контакт", "Пропала потребность", "Купил у других")
HOOKS_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What hooks tell of. `entity` is lead, contact, company or unsorted; `old` the values before, if any are told."""

    account: CrmAccount
    entity: str
    action: str
    record: Deal | Contact
    old: dict[str, int]


class CrmAccount(Ground):
    """An account with its deals, contacts, companies, pipelines, history and hooks."""

    def __init__(
        self,
        profile: Profile,
        *,
        ids: Ids,
        clock: Clock,
        lock: threading.RLock,
        switches: Switches,
        listener: Callable[[Change], None],
        is_silent: Callable[[], bool],
    ) -> None:
        super().__init__(profile, ids=ids, clock=clock, lock=lock, switches=switches, is_silent=is_silent)
        self._listener = listener
        self.contacts = Contacts(self, "contact", untie=lambda contact: self.deals.untie(contact))
        self.companies = Contacts(self, "company", untie=lambda company: None)
        self.deals = Deals(self, self.contacts)
        self.unsorted = Unsorted(self, self.deals)
        self.hooks: dict[int, Hook] = {}
        self.loss_reasons = {
            reason.id: reason
            for reason in (
                LossReason(ids.take("loss_reason"), name, sort, profile.created_at)
                for sort, name in enumerate(LOSS_REASONS, start=1)
            )
        }

    def tell(self, entity: str, action: str, record: Deal | Contact, **old: int) -> None:
        self._listener(Change(self, entity, action, record, old))

    def subscribe(self, destination: str, settings: list[str], *, is_short: bool = False) -> Hook:
        """Make a hook, or give the one of that address these settings. ValueError beyond 100."""
        with self.lock:
            now = self.clock.now()
            hook = self.hook_at(destination)
            if hook is not None:
                hook.settings, hook.updated_at = list(settings), now
                hook.disabled = hook.disabled and not self.switches.post_enables_hook
                return hook
            if len(self.hooks) >= HOOKS_AT_MOST:
                raise ValueError("an account has at most 100 hooks")
            hook = Hook(
                self.ids.take("hook"), destination, list(settings), now, now, self.user_id,
                sort=len(self.hooks) + 1, is_short=is_short,
            )  # fmt: skip
            self.hooks[hook.id] = hook
            return hook

    def hook_at(self, destination: str) -> Hook | None:
        """The hook of exactly that address."""
        return next((hook for hook in self.hooks.values() if hook.destination == destination), None)

    def unsubscribe(self, destination: str) -> bool:
        """Take all events of that address away; False when there was no such hook."""
        with self.lock:
            hook = self.hook_at(destination)
            if hook is None:
                return False
            del self.hooks[hook.id]
            return True

    def facts(self) -> dict[str, Any]:
        """What a list of accounts shows."""
        return {
            "id": self.id, "subdomain": self.profile.subdomain, "name": self.profile.name,
            "currency": self.profile.currency, "deals": len(self.deals), "contacts": len(self.contacts),
            "hooks": len(self.hooks), "is_api_filter_enabled": self.profile.is_api_filter_enabled,
        }  # fmt: skip
