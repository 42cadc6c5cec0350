"""From a day to a day, as a form of a page has it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


def day_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))


class DaysForm(forms.Form):
    """Either day may be left open."""

    since = day_field(_("From"))
    until = day_field(_("To"))

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if first and last and first > last:
            self.add_error("since", _("The first day is after the last."))
        return self.cleaned_data
