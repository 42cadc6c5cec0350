"""Which days a page is about: the last 7, 30 or 90, or from one day to another. All of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from analytics.reports.spans import Span
from leads.days import last_days, within_bounds
from leads.models import UserAccount
from leads.pages.days_form import DaysForm

LAST_DAYS = (7, 30, 90)
DEFAULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Period:
    """`days`: of the last days, how many; None when two days were chosen. `form` shows the days in any case."""

    first: date | None
    last: date | None
    days: int | None
    form: DaysForm

    def span(self, account: UserAccount) -> Span:
        # Within what the database can compare: a year 1 typed by mistake is as good as “always”.
        first = within_bounds(self.first) if self.first else None
        last = within_bounds(self.last) if self.last else None
        return Span(account, first, last)

    def asked(self) -> dict[str, str]:
        """The days as the lists' and the API's addresses take them, by `since` and `until`."""
        ends = {"since": self.first, "until": self.last}
        return {name: day.isoformat() for name, day in ends.items() if day}


def period_of(query: Mapping[str, Any], account: UserAccount) -> Period:
    """What is asked; what cannot be meant is said at its field, and the default shown."""
    form = DaysForm(query)
    is_chosen = bool(query.get("since") or query.get("until"))
    if is_chosen and form.is_valid():
        return Period(form.cleaned_data["since"], form.cleaned_data["until"], None, form)
    asked = str(query.get("days", ""))
    days = int(asked) if asked in map(str, LAST_DAYS) else DEFAULT_DAYS
    span = last_days(account, days)
    shown = form if is_chosen else DaysForm({"since": span[0], "until": span[-1]})
    return Period(span[0], span[-1], days, shown)
