"""From what was told of a deal's stages to the stages it went through. Pure functions; no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Telling:
    """One source said: at `at` the deal stood in this stage. `read_at`: when the CRM itself was asked, else None."""

    at: datetime
    pipeline_id: int
    status_id: int
    read_at: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> tuple[int, int]:
        return self.pipeline_id, self.status_id

    @property
    def order(self) -> tuple[Any, ...]:
        # amoCRM's clock has whole seconds. Within one, the CRM's own word comes after hearsay and the last reading
        # last, so that the sequence ends in the present; what no reading orders is put in an order of its own,
        # which does not depend on arrival.
        return self.at, self.read_at is not None, self.read_at or self.at, self.pipeline_id, self.status_id


@dataclass(frozen=True, slots=True)
class Step:
    """A stage entered at `changed_at`; `came_from` is the (pipeline, status) before, None for the first."""

    changed_at: datetime
    pipeline_id: int
    status_id: int
    came_from: tuple[int, int] | None
    is_confirmed: bool
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> tuple[int, int]:
        return self.pipeline_id, self.status_id

    @property
    def key(self) -> tuple[datetime, int, int]:
        return self.changed_at, self.pipeline_id, self.status_id


def steps_of(tellings: Iterable[Telling]) -> list[Step]:
    """The sequence of stages by time, equal neighbours merged into the earliest of them.

    A step is confirmed when the CRM was read at its first or any later telling of the same run.
    """
    steps: list[Step] = []
    for telling in sorted(tellings, key=lambda t: t.order):
        last = steps[-1] if steps else None
        if last is not None and last.stage == telling.stage:
            if telling.read_at is not None and not last.is_confirmed:
                steps[-1] = replace(last, is_confirmed=True)
            continue
        steps.append(
            Step(
                telling.at,
                telling.pipeline_id,
                telling.status_id,
                last.stage if last else None,
                telling.read_at is not None,
                telling.evidence,
            )
        )
    return steps
