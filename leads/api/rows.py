"""Views and fields about one model's rows in the caller's account.

The bases have comments in place of docstrings: drf-spectacular shows those to whoever reads of the API.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import generics, serializers

from leads.access import account_of, account_row, account_rows
from leads.api.days import days_asked
from leads.api.errors import Conflict
from leads.days import within_days
from leads.ids import MAX_ID

M = TypeVar("M", bound=models.Model)


# Of `queryset.model`: lists and single rows begin with the account (law 8).
class AccountRows(generics.GenericAPIView[M]):
    def get_queryset(self) -> models.QuerySet[M]:
        if getattr(self, "swagger_fake_view", False):  # the schema is made without a caller
            return super().get_queryset().none()
        return account_rows(self._model(), self.request)

    def get_object(self) -> M:
        return account_row(self._model(), self.request, self.kwargs["pk"])

    def _model(self) -> type[M]:
        return super().get_queryset().model


# Rows chosen by `from` and `to`, the account's days.
class RowsOfDays(AccountRows[M]):
    moment: str  # the column that falls on those days

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return within_days(rows, self.moment, account_of(self.request), *days_asked(self.request))


# One row, read and changed in part; nobody sends it whole.
class RowInPart(AccountRows[M], generics.RetrieveUpdateAPIView[M]):
    http_method_names = ["get", "patch", "head", "options"]


class AccountRowId(serializers.IntegerField):
    """The id of a row of the caller's account, in a body. Another account's is refused like one that never was."""

    def __init__(self, model: type[models.Model], **extra: Any) -> None:
        super().__init__(min_value=1, max_value=MAX_ID, **extra)
        self.model = model

    def to_internal_value(self, data: Any) -> int:
        pk = super().to_internal_value(data)
        if not account_rows(self.model, self.context["request"]).filter(pk=pk).exists():
            what = self.model._meta.verbose_name
            raise serializers.ValidationError(_("There is no %(what)s %(id)s.") % {"what": what, "id": pk})
        return pk


class OptionalText(serializers.CharField):
    """A text that may be left empty, which null means as well."""

    def __init__(self, **extra: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "allow_null": True, **extra})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        found = super().run_validation(data)
        return "" if found is None else found


# Rows that people keep by hand. What the account has already, by its constraints, is 409 with `taken`.
class AccountRowSerializer(serializers.ModelSerializer[M]):
    taken: str | Promise = _("This is already taken.")
    user_account_id = serializers.UUIDField(read_only=True)

    def create(self, validated_data: dict[str, Any]) -> M:
        with conflict(self.taken):
            return super().create(validated_data | {"user_account": account_of(self.context["request"])})

    def update(self, instance: M, validated_data: dict[str, Any]) -> M:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        with conflict(self.taken):
            instance.save(update_fields=list(validated_data))  # others may change the other columns meanwhile
        return instance


@contextmanager
def conflict(detail: str | Promise) -> Iterator[None]:
    """Turns the database's refusal of a second such row into a 409."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(str(detail)) from error
