"""Ad spend and exchange rates, entered or mended by hand. Whole files have pages of their own, a click away."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from analytics.admin.cells import amount_cell
from analytics.admin.money_form import MoneyForm
from analytics.models import AdSpend, ExchangeRate
from analytics.models.spend import named_in
from leads.admin.base import AccountScopedAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY
from leads.amounts import exact, number


class SpendForm(MoneyForm):
    """Uniqueness is over `what`, which follows from the other fields and is none of the form's own."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        row = AdSpend(**{name: value for name, value in cleaned.items() if name in _IDENTITY})
        known = AdSpend.objects.filter(user_account=self.account, day=row.day, what=named_in(row), source=row.source)
        if self.account is not None and row.day and known.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("There is a row of this day, thing and source already."))
        return cleaned


_IDENTITY = ("day", "creative", "direction", "targetologist", "campaign", "source")


@admin.register(AdSpend)
class AdSpendAdmin(AccountScopedAdmin[AdSpend]):
    form = SpendForm
    list_display = ("on", "spent_on", "money", "shown_impressions", "shown_clicks", "source", "user_account")
    actions_list = ("upload",)
    list_select_related = ("user_account", "creative", "direction", "targetologist")
    list_filter = (AccountFilter,)
    search_fields = ("campaign", "creative__name")
    fields = (
        *("user_account", "day", "creative", "direction", "targetologist", "campaign"),
        *("amount", "currency", "impressions", "clicks", "source"),
    )
    autocomplete_fields = ("creative", "direction", "targetologist")

    @display(description=_("day"), ordering="day")
    def on(self, spend: AdSpend) -> str:
        return f"{spend.day:%d.%m.%Y}"

    @display(description=_("spent on"))
    def spent_on(self, spend: AdSpend) -> str:
        return str(spend.spent_on or EMPTY)

    @display(description=_("amount"), ordering="amount")
    def money(self, spend: AdSpend) -> SafeString:
        return amount_cell(spend.amount, spend.currency)

    @display(description=_("impressions"), ordering="impressions")
    def shown_impressions(self, spend: AdSpend) -> str:
        return number(spend.impressions) or EMPTY

    @display(description=_("clicks"), ordering="clicks")
    def shown_clicks(self, spend: AdSpend) -> str:
        return number(spend.clicks) or EMPTY

    @action(description=_("Upload a file"), icon="upload", permissions=["add"], url_path="upload")
    def upload(self, request: HttpRequest) -> HttpResponse:
        return redirect("page-spend-upload")


class RateForm(MoneyForm):
    """Reports look for rates in the account's currency: one in another would be entered and never found."""

    account_currency = "base_currency"

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        own = self.account.currency if self.account is not None else ""
        if own and "base_currency" in self.changed_data and cleaned.get("base_currency", own) != own:
            self.add_error("base_currency", _("The account's currency is %s.") % own)
        if "currency" in cleaned and cleaned["currency"] == cleaned.get("base_currency"):
            self.add_error("currency", _("These are one currency."))
        return cleaned


@admin.register(ExchangeRate)
class ExchangeRateAdmin(AccountScopedAdmin[ExchangeRate]):
    form = RateForm
    list_display = ("on", "shown_rate", "user_account")
    actions_list = ("upload",)
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    search_fields = ("currency",)
    fields = ("user_account", "day", "currency", "base_currency", "rate")

    @display(description=_("day"), ordering="day")
    def on(self, rate: ExchangeRate) -> str:
        return f"{rate.day:%d.%m.%Y}"

    @display(description=_("exchange rate"))
    def shown_rate(self, rate: ExchangeRate) -> str:
        return f"1 {rate.currency} = {exact(rate.rate)} {rate.base_currency}"

    @action(description=_("Upload a file"), icon="upload", permissions=["add"], url_path="upload")
    def upload(self, request: HttpRequest) -> HttpResponse:
        return redirect("page-rates-upload")
