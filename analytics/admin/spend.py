"""Ad spend and exchange rates, entered or mended by hand. Whole files go through the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from analytics.models import AdSpend, ExchangeRate
from leads.admin.base import AccountForm, AccountScopedAdmin
from leads.admin.filters import AccountFilter


class SpendForm(AccountForm):
    """Uniqueness is over `what`, which follows from the other fields and is none of the form's own."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        row = AdSpend(**{name: value for name, value in cleaned.items() if name in _IDENTITY})
        account = cleaned.get("user_account") or getattr(self.instance, "user_account", None)
        known = AdSpend.objects.filter(user_account=account, day=row.day, what=row.named(), source=row.source)
        if account is not None and row.day and known.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("There is a row of this day, thing and source already."))
        return cleaned


_IDENTITY = ("day", "creative", "direction", "targetologist", "campaign", "source")


@admin.register(AdSpend)
class AdSpendAdmin(AccountScopedAdmin[AdSpend]):
    form = SpendForm
    list_display = ("__str__", "amount", "currency", "impressions", "clicks", "source", "user_account")
    list_select_related = ("user_account", "creative", "direction", "targetologist")
    list_filter = (AccountFilter,)
    search_fields = ("campaign", "creative__name")
    fields = (
        *("user_account", "day", "creative", "direction", "targetologist", "campaign"),
        *("amount", "currency", "impressions", "clicks", "source"),
    )
    autocomplete_fields = ("creative", "direction", "targetologist")


@admin.register(ExchangeRate)
class ExchangeRateAdmin(AccountScopedAdmin[ExchangeRate]):
    list_display = ("__str__", "user_account", "updated_at")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    search_fields = ("currency",)
    fields = ("user_account", "day", "currency", "base_currency", "rate")
