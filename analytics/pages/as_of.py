"""`/app/as-of`: what the reports showed on a day, what they show now, and what moved them since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from analytics.models import ReportSnapshot
from analytics.pages.roi_table import Cell, decimals_of
from analytics.reports.definitions import (
    AS_OF_FIGURES,
    BASIS_LABELS,
    BASIS_MEANINGS,
    OF_NONE,
    ROI_FIGURES,
    Definition,
    Kind,
    Text,
)
from analytics.reports.figures import Figures, total
from analytics.reports.roi import roi
from analytics.reports.spans import Basis, GroupBy, Span
from analytics.snapshots.moved import moved_since
from analytics.snapshots.sums import lines_of, sums_as_of, sums_of_lines
from leads.access import account_of, account_rows, page
from leads.days import within_bounds
from leads.models import Creative, UserAccount
from leads.pages.days_form import DaysForm, day_field
from leads.pages.rendering import render_page

DAYS_BEFORE = 29
SHOWN_DAYS = 60
# What the others follow from.
COUNTED = ROI_FIGURES[:5]


class AsOfForm(DaysForm):
    on = day_field(_("As of the end of"))
    basis = forms.ChoiceField(label=_("Sales by"), required=False, choices=list(BASIS_LABELS.items()))

    field_order = ("on", "since", "until", "basis")


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure then and now. `change` None: one of the two has no value."""

    then: Cell
    now: Cell
    change: Cell

    @property
    def has_changed(self) -> bool:
        return self.then.value != self.now.value

    @property
    def sign(self) -> str:
        return "+" if self.change.value is not None and self.change.value > 0 else ""


@dataclass(frozen=True, slots=True)
class Line:
    name: Text
    figures: list[Compared]


@require_safe
@page()
def as_of_page(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    snapshots = account_rows(ReportSnapshot, request).order_by("-day")
    oldest = snapshots.last()
    defaults = _defaults(account, oldest)
    form = _asked(request.GET, defaults)
    chosen = form.cleaned_data if form.is_valid() else defaults
    basis = Basis(chosen.get("basis") or Basis.SALE)
    snapshot = snapshots.filter(day__lte=chosen["on"]).first() if chosen.get("on") else None
    context: dict[str, Any] = {
        "form": form,
        "snapshot": snapshot,
        "oldest": oldest,
        "basis_meaning": BASIS_MEANINGS[basis],
        "currency": account.currency,
        "then_currency": snapshot.currency if snapshot and not _is_alike(snapshot.currency, account) else "",
        "definitions": COUNTED,
        "columns": AS_OF_FIGURES,
    }
    if snapshot:
        span = Span(account, _within(chosen.get("since")), _within(chosen.get("until")))
        context |= _compared(snapshot, span, basis)
        context["moved"] = moved_since(snapshot.taken_at, span, basis)
        context["moves"] = _moves(snapshot, span, basis)
        context["roi_url"] = _roi_url(span, basis)
    return render_page(request, "pages/as_of.html", context)


def _asked(query: QueryDict, defaults: dict[str, Any]) -> AsOfForm:
    """The day, and the thirty days until then, unless others are asked for."""
    given = {name: query[name] for name in ("on", "since", "until", "basis") if query.get(name)}
    try:
        on = date.fromisoformat(str(given.get("on", "")))
        defaults = {"on": on, "since": on - timedelta(days=DAYS_BEFORE), "until": on}
    except (ValueError, OverflowError):
        pass
    days = {} if "since" in given or "until" in given else {name: defaults[name] for name in ("since", "until")}
    return AsOfForm({"on": defaults["on"], "basis": Basis.SALE, **days, **given})


def _defaults(account: UserAccount, oldest: ReportSnapshot | None) -> dict[str, Any]:
    """The first of this month, or yesterday where that is it; no day before the first that was written down."""
    today = timezone.localdate(timezone=account.zone)
    on = min(today.replace(day=1), today - timedelta(days=1))
    if oldest is not None:
        on = max(on, oldest.day)
    return {"on": on, "since": on - timedelta(days=DAYS_BEFORE), "until": on}


def _within(day: date | None) -> date | None:
    return within_bounds(day) if day else None


def _is_alike(currency: str, account: UserAccount) -> bool:
    """Whether money of then can be compared with that of now."""
    return currency in ("", account.currency)


def _compared(snapshot: ReportSnapshot, span: Span, basis: Basis) -> dict[str, Any]:
    report = roi(span, GroupBy.CREATIVE, basis)
    is_alike = _is_alike(snapshot.currency, span.account)
    now: dict[Any, Figures] = {row.key: row.figures for row in report.rows}
    names: dict[Any, Text] = {row.key: row.name for row in report.rows}
    names[None] = OF_NONE[GroupBy.CREATIVE]
    then = {key: sums.figures(basis) for key, sums in sums_as_of(snapshot, span).items()}
    others = [key for key in then if key is not None and key not in now]
    names |= dict(Creative.objects.filter(user_account=span.account, pk__in=others).values_list("pk", "name"))
    lines = [
        Line(
            names.get(key) or _("Creative %(id)s") % {"id": key},
            _figures(then.get(key), now.get(key), COUNTED, is_alike),
        )
        for key in sorted({*then, *now}, key=lambda key: (key is None, str(names.get(key, "")).casefold()))
    ]
    return {
        "totals": _figures(total(then.values()), report.totals, ROI_FIGURES, is_alike),
        "lines": [line for line in lines if any(figure.has_changed for figure in line.figures)],
    }


def _figures(
    then: Figures | None, now: Figures | None, definitions: tuple[Definition, ...], is_alike: bool
) -> list[Compared]:
    then, now = then or Figures(), now or Figures()
    return [_compare(definition, then, now, is_alike) for definition in definitions]


def _compare(definition: Definition, then: Figures, now: Figures, is_alike: bool) -> Compared:
    before, after = getattr(then, definition.name), getattr(now, definition.name)
    decimals = decimals_of(definition, [then, now])
    can_tell = is_alike or definition.kind not in (Kind.MONEY, Kind.COST)
    change = after - before if before is not None and after is not None and can_tell else None
    return Compared(*(Cell(definition, value, decimals) for value in (before, after, change)))


def _moves(snapshot: ReportSnapshot, span: Span, basis: Basis) -> list[tuple[date, list[Compared]]]:
    """On which days the figures moved since, and by how much: what the later snapshots wrote down."""
    lines = lines_of(span).filter(snapshot__day__gt=snapshot.day)
    by_day = sorted(sums_of_lines(lines, "snapshot__day").items(), reverse=True)
    alike = _days_alike(snapshot, span.account)
    found = [(day, _figures(None, sums.figures(basis), COUNTED, day in alike)) for (day,), sums in by_day]
    return [(day, figures) for day, figures in found if any(figure.has_changed for figure in figures)][:SHOWN_DAYS]


def _days_alike(snapshot: ReportSnapshot, account: UserAccount) -> frozenset[date]:
    """Later snapshots that are in the account's present currency, as the ones before them are."""
    taken = ReportSnapshot.objects.filter(user_account=account, day__gte=snapshot.day).order_by("day")
    pairs = pairwise(taken.values_list("day", "currency"))
    return frozenset(
        day for (_day, before), (day, own) in pairs if _is_alike(before, account) and _is_alike(own, account)
    )


def _roi_url(span: Span, basis: Basis) -> str:
    days = {name: day.isoformat() for name, day in (("since", span.first), ("until", span.last)) if day}
    return f"{reverse('page-roi')}?{urlencode({'basis': basis.value, **days})}"
