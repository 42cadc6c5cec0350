"""Bodies of deliveries for people's eyes: as a tree, as one line per key, and as they came. Pure functions.

A body is a stranger's text. Everything goes through `format_html`, nothing is ever trusted, and what would fill a
browser is cut.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

SHOWN_BYTES = 64 * 1024
SHOWN_NODES = 3_000
SHOWN_LINES = 2_000
SHOWN_TEXT = 2_000
# Deeper branches begin closed.
OPEN_DEPTH = 4


def tree(data: Any) -> SafeString:
    """JSON as nested, collapsible and coloured HTML."""
    return format_html('<div class="v-json">{}</div>', _Tree().node("", data, 0))


class _Tree:
    """Renders a value behind its key; `left` is how many more nodes a browser should be given."""

    def __init__(self) -> None:
        self.left = SHOWN_NODES

    def node(self, key: str, value: Any, depth: int) -> SafeString:
        self.left -= 1
        label = format_html('<span class="v-key">{}</span>: ', key) if key else SafeString("")
        if isinstance(value, dict) and value:
            return self._branch(label, ((str(name), item) for name, item in value.items()), "{}", len(value), depth)
        if isinstance(value, list) and value:
            return self._branch(label, ((str(n), item) for n, item in enumerate(value)), "[]", len(value), depth)
        return format_html("{}{}", label, _leaf(value))

    def _branch(
        self, label: SafeString, items: Iterator[tuple[str, Any]], brackets: str, size: int, depth: int
    ) -> SafeString:
        rows: list[tuple[SafeString]] = []
        for key, value in items:
            if self.left <= 0:
                rows.append((format_html("<i>{}</i>", _("more; see the raw body")),))
                break
            rows.append((self.node(key, value, depth + 1),))
        return format_html(
            '<details{}><summary>{}{} <span class="v-second">{}</span></summary><ul>{}</ul>{}</details>',
            SafeString(" open") if depth < OPEN_DEPTH else "",
            label,
            brackets[0],
            size,
            format_html_join("", "<li>{}</li>", rows),
            brackets[1],
        )


def _leaf(value: Any) -> SafeString:
    kinds = ((str, "v-string"), (bool, "v-word"), (int, "v-number"), (float, "v-number"))
    kind = next((name for kind, name in kinds if isinstance(value, kind)), "v-word")
    text = json.dumps(value, ensure_ascii=False, default=str)
    return format_html('<span class="{}">{}</span>', kind, _cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}…"


def readable(body: bytes, content_type: str) -> str:
    """The body line by line: a form's keys and values decoded, JSON as it is. At most `SHOWN_BYTES` of it are read."""
    start = body[:SHOWN_BYTES]
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") or "json" in content_type.lower():
        return as_text(start)
    pairs = start.split(b"&")[:SHOWN_LINES]
    return "\n".join(_decoded_pair(pair) for pair in pairs if pair)


def _decoded_pair(pair: bytes) -> str:
    key, sign, value = (as_text(unquote_to_bytes(part.replace(b"+", b" "))) for part in pair.partition(b"="))
    # One key, one line, also where the value has line breaks of its own.
    return f"{key} {sign} {_cut(value)}".replace("\r", "").replace("\n", "\n    ")


def as_text(body: bytes) -> str:
    """Bytes as text that HTML can carry: what is no UTF-8, and control characters, as `\\x00`."""
    text = body.decode("utf-8", "backslashreplace")
    return "".join(c if c in "\n\t" or (c >= " " and c != "\x7f") else f"\\x{ord(c):02x}" for c in text)
