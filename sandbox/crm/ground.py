"""What the records of one account stand on: its lock, clock, ids, users, pipelines and history, and who is told."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from .clock import Clock, Ids
from .history import History
from .models import Contact, Deal, Profile, User
from .pipelines import Pipelines
from .switches import Switches


class Ground(ABC):
    """An account without what it holds. Its deals, contacts and applications are given this, not the account."""

    def __init__(
        self,
        profile: Profile,
        *,
        ids: Ids,
        clock: Clock,
        lock: threading.RLock,
        switches: Switches,
        is_silent: Callable[[], bool],
    ) -> None:
        self.profile = profile
        self.ids = ids
        self.clock = clock
        self.lock = lock
        self.switches = switches
        self._is_silent = is_silent
        self.users: dict[int, User] = {}
        self.user_id = self.add_user("Администратор", f"admin@{profile.subdomain}.kz").id
        self.pipelines = Pipelines(ids)
        self.history = History(clock)

    @property
    def id(self) -> int:
        return self.profile.id

    def add_user(self, name: str, email: str) -> User:
        """One more user, an admin."""
        user = User(self.ids.take("user"), name, email)
        self.users[user.id] = user
        return user

    def silences(self, silent: bool) -> bool:
        """Whether nobody is told of a change: who makes it wishes so, or a fault does. To be asked once a change, which
        may tell of several records and in several ways."""
        return silent or self._is_silent()

    @abstractmethod
    def tell(self, entity: str, action: str, record: Deal | Contact, **old: int) -> None:
        """Let the hooks know. Called with the lock held, so what is told is how things stood."""
