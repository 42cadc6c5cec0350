"""The sandbox as a whole: its accounts, OAuth, limits, faults, hooks and messages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .crm.account import Change, CrmAccount
from .crm.clock import Clock, Ids
from .crm.models import Profile
from .crm.switches import Switches
from .faults import Faults
from .hooks.courier import Courier
from .hooks.faults import HookFaults
from .limits import Journal, RateLimit, Seen
from .meta import Meta
from .oauth import OAuth
from .telegram import Telegram

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
DEMO_SUBDOMAIN = "demo"
DEMO_STAGES = ("Первичный контакт", "Переговоры", "Принимают решение", "Согласование договора")


class Sandbox:
    """A stand-in amoCRM with one account, `demo`. Keyword arguments are switches by name (see `Switches`).

    Everything may be called from any thread; `lock` makes several calls one.
    """

    def __init__(self, **settings: Any) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self.ids = Ids()
        self.switches = Switches()
        self.set_switches(settings)
        self.courier = Courier(self.switches)
        self.accounts: dict[int, CrmAccount] = {}
        self.oauth = OAuth(self.clock, self.switches, lambda account_id: self.accounts[account_id].profile)
        self.faults = Faults()
        self.limits = RateLimit(self.switches)
        self.journal = Journal()
        self.telegram = Telegram()
        self.meta = Meta()
        self.on_change: Callable[[], None] = lambda: None
        self.on_close: Callable[[], None] = lambda: None
        self.oauth.register(CLIENT_ID, CLIENT_SECRET)
        self.demo = self.add_account(DEMO_SUBDOMAIN)
        self.demo.pipelines.add("Продажи", DEMO_STAGES)

    @property
    def hook_faults(self) -> HookFaults:
        """What can go wrong on a hook's way."""
        return self.courier.faults

    @property
    def requests(self) -> list[Seen]:
        """Every request that came in, in order."""
        return self.journal.requests

    def max_in_any_second(self) -> int:
        """The most requests of one account and integration in any one second."""
        return self.journal.max_in_any_second()

    def add_account(self, subdomain: str, *, name: str = "", account_id: int | None = None, **facts: Any) -> CrmAccount:
        """One more amoCRM account, without pipelines; `facts` are fields of `Profile`."""
        with self.lock:
            profile = Profile(account_id or self.ids.take("account"), subdomain, name or subdomain.title(), **facts)
            account = CrmAccount(
                profile, ids=self.ids, clock=self.clock, lock=self.lock, switches=self.switches,
                listener=self._changed, is_silent=self.hook_faults.silences,
            )  # fmt: skip
            self.accounts[account.id] = account
            return account

    def account(self, key: int | str) -> CrmAccount:
        """By id, subdomain or host; KeyError."""
        with self.lock:
            for account in self.accounts.values():
                if key in (account.id, str(account.id), account.profile.subdomain, account.profile.host):
                    return account
        raise KeyError(key)

    def long_lived_token(self, account: CrmAccount | None = None) -> str:
        """A token as from the integration's keys, for the demo account if none is named."""
        return self.oauth.long_lived((account or self.demo).id, CLIENT_ID)

    def set_switches(self, settings: dict[str, Any]) -> None:
        """Set switches by name; ValueError for a name that is none, with nothing set."""
        names = Switches.__slots__
        unknown = [name for name in settings if name not in names]
        if unknown:
            raise ValueError(f"no switch {', '.join(unknown)}")
        for name, value in settings.items():
            setattr(self.switches, name, type(getattr(self.switches, name))(value))

    def close(self) -> None:
        """Stop the hooks' threads, and write the state file if there is one."""
        self.courier.close()
        self.on_close()

    def _changed(self, change: Change) -> None:
        self.courier.take(change)
        self.on_change()
