"""PHP's form dialect: `leads[add][0][id]=5` as nested dictionaries.

amoCRM's hooks are what PHP's `http_build_query` makes. Whatever else a body holds is kept as well: a key that is no
bracket key stands on the top level under its own text, where no reader looks for anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from integrations.amocrm.values import legible

MAX_DEPTH = 20
"""Names in one key. amoCRM's deepest have ten; what is deeper is kept as a plain key."""

_FIELD = re.compile(r"[^&]+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_INDEX = re.compile(r"[0-9]{1,15}")
_LONGEST_KNOWN = 200

Path: TypeAlias = tuple[str, ...]
"""The names in a key, the outermost first."""


def decode_form(body: bytes) -> dict[str, Any]:
    """A form body as dictionaries of dictionaries and strings, in the body's order.

    Lists stay dictionaries with string keys (`{"0": …}`), read by `items_of`. Of a key given twice the last value
    counts, as in PHP; a key that is both a value and a parent keeps its value under the empty key. Never raises:
    of what is no UTF-8 `legible` makes what it can, and NUL, which PostgreSQL cannot store, is dropped.
    """
    tree = _Tree()
    for field in _FIELD.finditer(body.decode("utf-8", "surrogateescape")):
        key, _, value = field[0].partition("=")
        # Hooks are much alike: most keys have been met before.
        path = _known_path(key) if len(key) <= _LONGEST_KNOWN else _path_in_form(key)
        tree.put(path, _decoded(value))
    return tree.root


def unfolded(data: dict[str, Any]) -> dict[str, Any]:
    """A JSON object that has a form's keys (`{"leads[add][0][id]": "5"}`), nested as that form is; any other as it is.

    So programs pass hooks on that have parsed the form and left its keys; some make a list of each value.
    """
    if not any("[" in key for key in data):
        return data
    tree = _Tree()
    for key, value in data.items():
        is_listed = "[" in key and isinstance(value, list) and value
        tree.put(_path(key), value[-1] if is_listed else value)
    return tree.root


def items_of(node: object) -> Iterator[Any]:
    """The values of a list, or of a dictionary in the order of its indexes; nothing of anything else.

    Keys that are no index come last, in the body's order.
    """
    if isinstance(node, list):
        yield from node
    elif isinstance(node, dict):
        for key in sorted(node, key=_index_order):
            yield node[key]


def _index_order(key: object) -> int:
    text = str(key)
    return int(text) if _INDEX.fullmatch(text) else 10**15


def _decoded(text: str) -> str:
    text = text.replace("+", " ")
    if "%" in text:
        # Not urllib's unquote: ten megabytes of `%` cost it ten seconds.
        text = _ESCAPES.sub(lambda m: bytes.fromhex(m[0].replace("%", "")).decode("utf-8", "surrogateescape"), text)
    if not text.isascii():
        text = legible(text)
    return text.replace("\x00", "") if "\x00" in text else text


def _path(key: str) -> Path:
    """`a[b][c]` as `("a", "b", "c")`; what is no bracket key, or too deep a one, by itself."""
    name, opening, rest = key.partition("[")
    if not (name and opening and rest.endswith("]")) or "]" in name:
        return (key,)
    if rest.count("[") + 2 > MAX_DEPTH:
        return (key,)
    inner = rest[:-1].split("][")
    return (key,) if any("[" in part or "]" in part for part in inner) else (name, *inner)


def _path_in_form(key: str) -> Path:
    for escape, bracket in (("%5B", "["), ("%5D", "]"), ("%5b", "["), ("%5d", "]")):
        # One by one, among all others, they would cost ten times as much.
        key = key.replace(escape, bracket)
    return _path(_decoded(key))


_known_path = lru_cache(maxsize=4096)(_path_in_form)


class _Tree:
    """The dictionary that grows. A node that is a dictionary stays one, so it can be found again by its key."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._next_index: dict[int, int] = {}

    def put(self, path: Path, value: Any) -> None:
        node = self.root
        for name in path[:-1]:
            child = node.get(name) if name else None
            node = child if isinstance(child, dict) else self._child(node, name)
        name = path[-1] if node is self.root else self._name(node, path[-1])
        present = node.get(name)
        if isinstance(present, dict):
            present[""] = value
        else:
            node[name] = value

    def _child(self, node: dict[str, Any], name: str) -> dict[str, Any]:
        """The dictionary of this name, where there is none yet."""
        name = self._name(node, name)
        child = node.get(name)
        node[name] = made = {} if child is None else {"": child}
        return made

    def _name(self, node: dict[str, Any], name: str) -> str:
        """The key that a bracket's text means; `[]` is the index after the highest."""
        if name and not self._next_index:
            return name
        free = self._next_index.get(id(node))
        if not name:
            free = (
                1 + max((_index_order(key) for key in node if _INDEX.fullmatch(key)), default=-1)
                if free is None
                else free
            )
            name = str(free)
        if free is not None and _INDEX.fullmatch(name):
            self._next_index[id(node)] = max(free, int(name) + 1)
        return name
