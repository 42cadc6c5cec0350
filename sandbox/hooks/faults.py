"""What can go wrong on a hook's way."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class HookFaults:
    """Set a field to arm a fault; `next` counters run down, the others stay until reset.

    A hook that is lost is one that amoCRM should have sent: it is shown as lost. `silent_next` and `off` are
    changes that amoCRM makes no hook for at all.
    """

    lose_next: int = 0
    lose_all: bool = False
    lose_probability: float = 0.0
    delay_seconds: float = 0.0
    double_next: int = 0
    double_all: bool = False
    shuffle: int = 0
    """Hold hooks back until this many have gathered, then send them in another order; 0: no holding."""
    combine: int = 0
    """Gather this many changes into one body; 0 or 1: each has a body of its own."""
    silent_next: int = 0
    off: bool = False
    dice: random.Random = field(default_factory=lambda: random.Random(7), repr=False)

    def silences(self) -> bool:
        """Whether the next change, all that is told of it, makes no hook. Counts down."""
        if self.silent_next > 0:
            self.silent_next -= 1
            return True
        return False

    def loses(self) -> bool:
        """Whether the next delivery is lost. Counts down."""
        if self.lose_next > 0:
            self.lose_next -= 1
            return True
        return self.lose_all or (self.lose_probability > 0 and self.dice.random() < self.lose_probability)

    def doubles(self) -> bool:
        """Whether the next delivery comes twice. Counts down."""
        if self.double_next > 0:
            self.double_next -= 1
            return True
        return self.double_all

    def as_json(self) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "dice"}

    def update(self, settings: dict[str, Any]) -> None:
        """Set by name; ValueError for a name that is none, with nothing set."""
        known = self.as_json()
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise ValueError(f"no hook fault {', '.join(unknown)}")
        for name, value in settings.items():
            setattr(self, name, type(known[name])(value))

    def clear(self) -> None:
        """No faults any more."""
        self.update(HookFaults().as_json())
