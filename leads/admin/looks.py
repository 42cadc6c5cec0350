"""Small pieces of the lists: badges, swatches, cells of two lines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from leads.admin.zone import shown_zone
from leads.models import UserAccount

EMPTY = "—"
# Kind → what the theme calls it.
_COLOURS = {"good": "success", "warn": "warning", "bad": "danger"}


def badge(text: Any, kind: str = "", title: str = "") -> SafeString:
    """A coloured label. `kind`: good, warn, bad, info, as on our pages, or primary; anything else is grey."""
    if not text:
        return SafeString(EMPTY)
    # The last line break of the theme's template would show as a gap before whatever follows.
    context = {"text": text, "type": _COLOURS.get(kind, kind), "label_title": title}
    html = render_to_string("unfold/helpers/label.html", context)
    return SafeString(html.strip())


def lines(first: Any, second: Any = "") -> SafeString:
    """Two lines of a cell, the second small and pale. Both are escaped unless they are safe."""
    if second in ("", None):
        return format_html('<span class="v-first">{}</span>', first if first not in ("", None) else EMPTY)
    return format_html(
        '<span class="v-lines"><span class="v-first">{}</span><span class="v-second">{}</span></span>',
        first if first not in ("", None) else EMPTY,
        second,
    )


def swatch(colour: str, text: Any) -> SafeString:
    """A stage's name behind a dot of its colour (`colour_of`); without one the dot is grey."""
    style = format_html(' style="background:{}"', colour) if colour else ""
    return format_html('<span class="v-stage"><i class="v-dot"{}></i>{}</span>', style, text)


def pairs(rows: list[tuple[str, Any]], note: str = "") -> SafeString:
    """What is not empty of some keys and values, a line each; then a note."""
    found = [(key, value) for key, value in rows if value not in ("", None)]
    if not found:
        return SafeString(EMPTY)
    html = format_html_join("", '<div><span class="v-second">{}</span> {}</div>', found)
    return format_html('{}<span class="v-second">{}</span>', html, note) if note else html


def moment(at: datetime | None, account: UserAccount) -> str:
    """A time in an account's zone, to the second, with its offset: `21.11.2026 13:56:42 +0500`."""
    return f"{at.astimezone(shown_zone(account)):%d.%m.%Y %H:%M:%S %z}" if at is not None else EMPTY


def second(at: datetime, account: UserAccount) -> str:
    """The same without the offset, for lists: `21.11.2026 13:56:42`."""
    return f"{at.astimezone(shown_zone(account)):%d.%m.%Y %H:%M:%S}"


def minute(at: datetime | None, account: UserAccount) -> str:
    """And without seconds: `21.11.2026 13:56`."""
    return f"{at.astimezone(shown_zone(account)):%d.%m.%Y %H:%M}" if at is not None else EMPTY


def day(at: datetime, account: UserAccount) -> str:
    """The day alone: `21.11.2026`."""
    return f"{at.astimezone(shown_zone(account)):%d.%m.%Y}"


def numbered(row: Any, at: datetime) -> SafeString:
    """A row of an account by its number, and below it when it came."""
    return lines(f"#{row.pk}", second(at, row.user_account))


def percent(value: float | None) -> str:
    """`2.47%`, as the language writes it."""
    return EMPTY if value is None else f"{number_format(round(value, 2), 2)}%"


def cut(text: str, length: int = 80) -> SafeString:
    """The beginning of a long text; the whole of it as the tooltip."""
    if len(text) <= length:
        return format_html("{}", text)
    return format_html('<span title="{}">{}…</span>', text[:2_000], text[: length - 1])


def duration(span: timedelta | None) -> str:
    """`340 ms`, `1.2 s`, `4 min`, `3 h`, `2 d`."""
    if span is None:
        return EMPTY
    seconds = span.total_seconds()
    if abs(seconds) < 1:
        return _("%(n)d ms") % {"n": round(seconds * 1000)}
    if abs(seconds) < 60:
        return _("%(n)s s") % {"n": number_format(round(seconds, 1), 1)}
    for size, text in ((86_400, _("%(n)d d")), (3_600, _("%(n)d h"))):
        if seconds >= size:
            return text % {"n": seconds // size}
    return _("%(n)d min") % {"n": seconds // 60}


def link(address: str | None, text: Any, outside: bool = False) -> SafeString:
    """A link, or the bare text where there is no address."""
    if not address:
        return format_html("{}", text)
    html = '<a class="v-link" href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html(html if outside else '<a class="v-link" href="{}">{}</a>', address, text)
