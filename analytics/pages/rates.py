"""`/app/spend/rates`: what foreign money is worth, day by day; one rate by hand, many by a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from analytics.csv_cells import csv_response
from analytics.models import ExchangeRate
from analytics.pages.uploading import SHOWN_ROWS, Preview, Upload, told_of
from analytics.spend.exchange import NEEDED, RateRow, check_rates, store_rates
from analytics.spend.reading import RawRow
from analytics.spend.uploads import Checked
from leads.access import account_of, account_rows, demand, page
from leads.models import Role, UserAccount
from leads.pages.rendering import render_page

PAGE_SIZE = 100


class RateForm(forms.Form):
    """One rate, by hand. What the cells mean is for the same reader to say as in a file."""

    day = forms.CharField(label=_("Day"), widget=forms.DateInput({"type": "date"}))
    currency = forms.CharField(label=_("Currency"), widget=forms.TextInput({"maxlength": "3", "placeholder": "USD"}))
    rate = forms.CharField(label=_("Rate"), widget=forms.TextInput({"inputmode": "decimal"}))

    def stored_in(self, account: UserAccount) -> str | None:
        """Store the rate. What was done; None with the form's error when it cannot be meant."""
        checked = check_rates(account, [RawRow(1, None, self.cleaned_data)])
        if checked.bad:
            self.add_error(None, checked.bad[0].detail)
            return None
        return told_of(store_rates(account, checked.rows))


@require_http_methods(["GET", "HEAD", "POST"])
@page()
def rates_page(request: HttpRequest) -> HttpResponse:
    """`?day&currency` fill in the form: a figure that lacks a rate leads here."""
    account = account_of(request)
    form = RateForm(initial={name: request.GET.get(name, "")[:10] for name in ("day", "currency")})
    if request.method == "POST":
        demand(request, Role.STAFF)
        form = RateForm(request.POST)
        if form.is_valid() and (done := form.stored_in(account)):
            messages.success(request, done)
            return redirect("page-rates")
    rates = account_rows(ExchangeRate, request).order_by("-day", "currency")
    current = Paginator(rates, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": current, "rates": list(current)}
    return render_page(request, "pages/rates.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.STAFF)
def rates_upload(request: HttpRequest) -> HttpResponse:
    return UPLOAD.answer(request)


@require_safe
@page()
def rates_template(request: HttpRequest) -> HttpResponse:
    """An empty file with the columns that an upload needs."""
    return csv_response("exchange-rates", NEEDED, [])


def _preview_of(account: UserAccount, checked: Checked[RateRow], token: str) -> Preview:
    known = ExchangeRate.objects.filter(user_account=account, base_currency=account.currency)
    days = [row.day for row in checked.rows]
    stored: set[Any] = set()
    if days:
        stored = set(known.filter(day__range=(min(days), max(days))).values_list("day", "currency"))
    replaced = sum((row.day, row.currency) in stored for row in checked.rows)
    return Preview(checked=checked, token=token, replaced=replaced, rows=checked.rows[:SHOWN_ROWS])


UPLOAD = Upload(
    page="page-rates-upload",
    after="page-rates",
    template="pages/rates_upload.html",
    needed=NEEDED,
    check=check_rates,
    store=store_rates,
    preview=_preview_of,
    context=lambda request: {"columns": NEEDED},
)
