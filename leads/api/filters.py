"""Filters of lists. A value that cannot be meant is 400 and names what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import django_filters
from django import forms
from django.db.models import Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from leads.ids import MAX_ID

FLAGS = {"1": True, "true": True, "0": False, "false": False}


def _allowed(values: Iterable[str]) -> dict[str, Any]:
    names = ", ".join(values)
    message = format_lazy(_("“%(value)s” is not possible here. Use one of: {names}."), names=names)
    return {"invalid_choice": message}


def one_of(choices: list[tuple[str, Any]], **extra: Any) -> django_filters.ChoiceFilter:
    """One of the values of a TextChoices."""
    messages = _allowed(value for value, _label in choices)
    return django_filters.ChoiceFilter(choices=choices, error_messages=messages, empty_label=None, **extra)


class _FlagField(forms.TypedChoiceField):
    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()  # `True` is how Python writes it into an address


class _Flag(django_filters.TypedChoiceFilter):
    field_class: type[forms.Field] = _FlagField


def flag(**extra: Any) -> django_filters.TypedChoiceFilter:
    """`1`, `true`, `0` or `false`."""
    choices = [(value, value) for value in FLAGS]
    return cast("Any", _Flag)(choices=choices, coerce=FLAGS.get, error_messages=_allowed(FLAGS), **extra)


class _WholeNumber(django_filters.NumberFilter):
    field_class: type[forms.Field] = forms.IntegerField  # ids are no decimals

    def get_max_validator(self) -> None:
        return None  # the field's own max_value is the database's


def an_id(**extra: Any) -> Any:
    """A whole number that may be an id."""
    message = {"invalid": _("Use a whole number.")}
    return cast("Any", _WholeNumber)(min_value=0, max_value=MAX_ID, error_messages=message, **extra)


def ordering(*columns: str) -> Any:
    """Columns separated by commas, `-` for the other way round."""
    names = [name for column in columns for name in (column, f"-{column}")]
    return cast("Any", _Ordering)(fields=[(column, column) for column in columns], error_messages=_allowed(names))


class _Ordering(django_filters.OrderingFilter):
    def filter(self, qs: Any, value: Any) -> Any:
        columns = [column for column in value or () if column]  # `name,` names one, and `,` none
        # The id breaks ties, so that pages never overlap.
        return qs.order_by(*columns, "-id") if columns else qs


def cases_of(text: str) -> set[str]:
    """The cases in which people write it: SQLite itself knows case only of Latin letters."""
    return {text, text.lower(), text.upper(), text.capitalize(), text.title()}


def any_case(column: str, text: str) -> Q:
    """Rows with `text` in the column, whatever the case. Spellings that differ in Latin letters only are one to any
    database, which would compare each row with each."""
    found = Q()
    for spelling in {_latin_lower(spelling) for spelling in cases_of(text)}:
        found |= Q(**{f"{column}__icontains": spelling})
    return found


def _latin_lower(text: str) -> str:
    return "".join(sign.lower() if sign.isascii() else sign for sign in text)
