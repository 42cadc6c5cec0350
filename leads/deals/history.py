"""From what was told of a deal's stages to the stages it went through. Pure functions; no database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

Stage = tuple[int, int]
"""Pipeline and status: 142 and 143 are in every pipeline."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One source said: at `at` the deal stood in this stage. `read_at`: when the CRM itself was asked, else None."""

    at: datetime
    pipeline_id: int
    status_id: int
    read_at: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> Stage:
        return self.pipeline_id, self.status_id

    @property
    def order(self) -> tuple[Any, ...]:
        # amoCRM's clock has whole seconds. Within one, the CRM's own word comes after hearsay and the last reading
        # last, so that the sequence ends in the present.
        return self.at, self.read_at is not None, self.read_at, self.pipeline_id, self.status_id


@dataclass(frozen=True, slots=True)
class Step:
    """A stage entered at `changed_at`; `came_from` is the (pipeline, status) before, None for the first."""

    changed_at: datetime
    pipeline_id: int
    status_id: int
    came_from: Stage | None
    is_confirmed: bool
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> Stage:
        return self.pipeline_id, self.status_id

    @property
    def key(self) -> tuple[datetime, int, int]:
        return self.changed_at, self.pipeline_id, self.status_id


def steps_of(tellings: Iterable[Telling]) -> list[Step]:
    """The sequence of stages by time, equal neighbours merged into the earliest of them.

    A step is confirmed when the CRM was read at its first or any later telling of the same run.
    """
    steps: list[Step] = []
    for telling in _in_order(tellings):
        last = steps[-1] if steps else None
        if last is not None and last.stage == telling.stage:
            if telling.read_at is not None:
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


def _in_order(tellings: Iterable[Telling]) -> Iterator[Telling]:
    """By time. What was heard of one second goes on from the stage before it and comes to the one after it: a price
    changed and a stage left in one second are one change of stage, not three. What neither orders stands by its ids.
    """
    told = sorted(tellings, key=lambda t: t.order)
    groups = [list(group) for _, group in groupby(told, key=lambda t: (t.at, t.read_at is not None))]
    before: Stage | None = None
    for group, following in zip(groups, [*groups[1:], []], strict=False):
        in_order = group if group[0].read_at else _heard(group, before, {telling.stage for telling in following})
        yield from in_order
        before = in_order[-1].stage


def _heard(group: Sequence[Telling], before: Stage | None, after: Collection[Stage]) -> list[Telling]:
    return sorted(group, key=lambda telling: (telling.stage != before, telling.stage in after))
