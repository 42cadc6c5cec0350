"""Reading many entities by their ids in few requests, with and without the paid filters (law 10)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from integrations.amocrm.deal_events import DeletedDeal, deleted_in
from integrations.amocrm.entities import entities_in
from integrations.amocrm.errors import RequestError, Unpaid
from integrations.amocrm.values import id_of

PAGE = 250
"""amoCRM's longest page of leads and contacts."""
# Of pages without a find, as many are read as this share of what reading one by one would cost.
_BARREN_SHARE = 50
# From so many on a page of the bin, should it be in vain, costs little of what is read anyway.
_MANY = 10
# At the rate they take a quarter of a minute.
_MOST_ALONE = 100

T = TypeVar("T")
V = TypeVar("V")


class Answer(NamedTuple):
    """What amoCRM answered (None for 204), and when it was asked."""

    payload: Any
    asked_at: datetime


Ask = Callable[[str, Mapping[str, Any]], Answer]
"""(path under /api/v4, query) → the answer."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """What is read: its path, which is also its name under `_embedded`; its `with=`; how an entity becomes a value;
    whether there is a bin of it, which lists what was deleted."""

    name: str
    embed: str
    read: Callable[[dict[str, Any], datetime], T]
    has_bin: bool = False


class FilterIgnored(Exception):
    """The account has no filters: amoCRM refused, or answered with what was not asked for."""


def filtered(ask: Ask, kind: Kind[T], ids: Collection[int]) -> dict[int, T]:
    """By `filter[id][]`, 250 per request.

    :raises FilterIgnored: the answer does not satisfy the filter.
    """
    found: dict[int, T] = {}
    ordered = sorted(ids)
    for start in range(0, len(ordered), PAGE):
        wanted = ordered[start : start + PAGE]
        try:
            answer = ask(kind.name, {"with": kind.embed, "limit": PAGE, "filter[id][]": wanted})
        except (RequestError, Unpaid) as error:  # 402 is also said of a feature that is not paid for
            raise FilterIgnored from error
        page = _by_id(answer, kind)
        is_cut_short = len(page) < len(wanted) and has_next(answer.payload)
        if not page.keys() <= set(wanted) or is_cut_short:
            raise FilterIgnored
        found |= page
    return found


def newest_first(ask: Ask, kind: Kind[T], ids: Collection[int], left: set[int] | None = None) -> dict[int, T]:
    """By pages of what changed last, where nearly all that a burst of hooks names is found; many that are not there may
    have been deleted together, which the bin's pages tell. The rest one by one.

    :param left: of the rest no more than a hundred are read; the others are put into it.
    """
    remaining = set(ids)
    most_alone = len(remaining) if left is None else _MOST_ALONE
    found = _sift(_recent_pages(ask, kind), remaining, most_alone)
    if kind.has_bin and len(remaining) >= _MANY:
        with suppress(RequestError):
            _sift(_pages_of_bin(ask, kind), remaining, most_alone)
    rest = sorted(remaining)
    if left is not None:
        left.update(rest[most_alone:])
    for entity_id in rest[:most_alone]:
        found |= one(ask, kind, entity_id)
    return found


def _sift(pages: Iterator[dict[int, V]], remaining: set[int], most_alone: int) -> dict[int, V]:
    """What the pages hold of the remaining, which are fewer then; for as long as that is better than one by one."""
    found: dict[int, V] = {}
    barren_pages_left = min(len(remaining), most_alone) // _BARREN_SHARE
    while len(remaining) > 1 and (page := next(pages, None)) is not None:
        hits = {entity_id: entity for entity_id, entity in page.items() if entity_id in remaining}
        found |= hits
        remaining.difference_update(hits)
        if len(hits) < 2:  # no better than a request for one
            if not barren_pages_left:
                break
            barren_pages_left -= 1
    return found


def one(ask: Ask, kind: Kind[T], entity_id: int) -> dict[int, T]:
    """By its id; empty where amoCRM answers 204, or 404 as some do: merged away, deleted, or never there."""
    try:
        data, asked_at = ask(f"{kind.name}/{entity_id}", {"with": kind.embed})
    except RequestError as error:
        if error.status != 404:
            raise
        return {}
    is_it = isinstance(data, dict) and id_of(data.get("id")) == entity_id
    return {entity_id: kind.read(data, asked_at)} if is_it else {}


def next_of(payload: object) -> str:
    """The address of the next page; empty on the last."""
    node: object = payload
    for key in ("_links", "next", "href"):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, str) else ""


def has_next(payload: object) -> bool:
    return bool(next_of(payload))


def is_newest_first(times: Sequence[datetime | None]) -> bool:
    """Whether a page has the order that was asked for; only then is all that follows it older."""
    told = [moment for moment in times if moment is not None]
    return told == sorted(told, reverse=True)


def is_all_older(times: Sequence[datetime | None], than: datetime) -> bool:
    """Whether all that follows a page, asked for newest first, is older than this."""
    return any(moment is not None and moment < than for moment in times) and is_newest_first(times)


def _recent_pages(ask: Ask, kind: Kind[T]) -> Iterator[dict[int, T]]:
    return (_by_id(answer, kind) for answer in _listed(ask, kind.name, kind.embed))


def _pages_of_bin(ask: Ask, kind: Kind[T]) -> Iterator[dict[int, DeletedDeal]]:
    pages = _listed(ask, kind.name, "only_deleted")
    return ({deal.deal_id: deal for deal in deleted_in(answer.payload)} for answer in pages)


def _listed(ask: Ask, path: str, embed: str) -> Iterator[Answer]:
    """The pages of a list, what changed last first."""
    number = 0
    while True:
        number += 1
        answer = ask(path, {"with": embed, "limit": PAGE, "order[updated_at]": "desc", "page": number})
        yield answer
        if not has_next(answer.payload):
            return


def _by_id(answer: Answer, kind: Kind[T]) -> dict[int, T]:
    return {
        entity_id: kind.read(data, answer.asked_at)
        for data in entities_in(answer.payload, kind.name)
        if (entity_id := id_of(data.get("id")))
    }
