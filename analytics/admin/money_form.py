"""Forms about money: an account has a currency, so that nobody has to type it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from leads.admin.base import AccountForm


class MoneyForm(AccountForm):
    """`account_currency`: the field that is the account's currency where it is left empty."""

    account_currency: ClassVar[str] = "currency"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.account_currency in self.fields:
            self.fields[self.account_currency].required = False
            self.fields[self.account_currency].help_text = _("Empty: the account's.")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        name = self.account_currency
        if self.account is not None and name in self.fields and not cleaned.get(name) and name not in self.errors:
            cleaned[name] = self.account.currency
        return cleaned
