"""Query parameters as amoCRM reads them: PHP's brackets, pages, `with`, order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode

from sandbox.web.messages import Request

from .problems import ApiError

PAGE_MAXIMUM = 250
EVENTS_MAXIMUM = 100
Node: TypeAlias = "str | dict[str, Node]"


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Node]:
    """`filter[id][]=1&filter[id][]=2` as `{"filter": {"id": {"0": "1", "1": "2"}}}`, as PHP does."""
    tree: dict[str, Node] = {}
    for key, value in pairs:
        head, *rest = key.replace("]", "").split("[")
        node = tree
        for name, following in zip([head, *rest], [*rest, None], strict=True):
            name = str(len(node)) if name == "" else name
            if following is None:
                node[name] = value
                break
            child = node.get(name)
            if not isinstance(child, dict):
                child = node[name] = {}
            node = child
    return tree


def texts(node: Node | None) -> list[str]:
    """The values of a filter: one, several in brackets, or a comma list."""
    if node is None:
        return []
    if isinstance(node, dict):
        return [text for child in node.values() for text in texts(child)]
    return [text for text in node.split(",") if text]


def numbers(node: Node | None) -> list[int]:
    """Like `texts`, as numbers; what is none is left out."""
    return [int(text) for text in texts(node) if text.lstrip("-").isdigit()]


def bounds(node: Node | None) -> tuple[int | None, int | None]:
    """`[from]` and `[to]`. A single number is an equality, which is why it finds nothing on times."""
    if isinstance(node, dict):
        low, high = numbers(node.get("from")), numbers(node.get("to"))
        return (low[0] if low else None, high[0] if high else None)
    single = numbers(node)
    return (single[0], single[0]) if single else (None, None)


@dataclass(frozen=True)
class ListQuery:
    """What a list is asked for."""

    page: int
    limit: int
    with_: frozenset[str]
    order: tuple[str, bool] | None
    """(field, descending)"""
    filter: dict[str, Node] = field(default_factory=dict)
    query: str = ""

    @property
    def start(self) -> int:
        return (self.page - 1) * self.limit

    @property
    def stop(self) -> int:
        return self.start + self.limit


def read_with(request: Request) -> frozenset[str]:
    """The `with` parameter's names."""
    return frozenset(name.strip() for name in request.query.get("with", "").split(",") if name.strip())


def read_list(request: Request, *, maximum: int = PAGE_MAXIMUM, on_excess: str = "cap") -> ListQuery:
    """The list parameters of a request; ApiError 422 for a limit beyond the maximum if `on_excess` is error."""
    tree = nested(request.pairs)
    limit = max((numbers(tree.get("limit")) or [50])[0], 1)
    if limit > maximum:
        if on_excess == "error":
            raise ApiError(422, f"Limit {maximum} per page")
        limit = maximum
    order = tree.get("order")
    ordered: tuple[str, bool] | None = None
    if isinstance(order, dict) and order:
        name, direction = next(iter(order.items()))
        ordered = (name, direction == "desc")
    filter_ = tree.get("filter")
    query = tree.get("query")
    return ListQuery(
        page=max((numbers(tree.get("page")) or [1])[0], 1),
        limit=limit,
        with_=read_with(request),
        order=ordered,
        filter=filter_ if isinstance(filter_, dict) else {},
        query=query if isinstance(query, str) else "",
    )


def page_links(request: Request, root: str, query: ListQuery, *, has_next: bool) -> dict[str, Any]:
    """`_links` of a page; there is no `next` on the last one."""
    rest = [(name, value) for name, value in request.pairs if name not in ("page", "limit")]

    def href(page: int) -> dict[str, str]:
        pairs = [*rest, ("page", page), ("limit", query.limit)]
        return {"href": f"{root}{request.path}?{urlencode(pairs)}"}

    links = {"self": href(query.page)}
    if has_next:
        links["next"] = href(query.page + 1)
    if query.page > 1:
        links["first"] = href(1)
        links["prev"] = href(query.page - 1)
    return links
