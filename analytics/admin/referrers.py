"""Referrers: who recommends us, their private links, what they are owed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display

from analytics.admin.payout import payout_view
from analytics.admin.selecting import to_page
from analytics.api.referrals import private_page
from analytics.earning.payout import Balance, balances
from analytics.earning.referrers import CodeTaken, referrer_save, rotate_link
from analytics.models import MoneySettings, Referrer
from analytics.models.referrals import code_key, default_rate
from leads.admin.base import AccountForm, AccountScopedAdmin, OnePerAccountAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, lines
from leads.amounts import money, share

_PAYOUT = "admin:analytics_referrer_payout"
_ROTATE: Any = {
    "title": gettext_lazy("Replace the private link?"),
    "description": gettext_lazy("The old link stops working at once. Send the referrer the new one."),
    "form_submit_text": gettext_lazy("Replace"),
}


class CommissionForm(AccountForm):
    """Who types 15 means percent, and is told so instead of how many digits a number may have."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("commission_rate", "default_commission_rate"):
            if name in self.fields:
                part = gettext_lazy("It is a part of the sale: for 15 of 100 write 0.15.")
                self.fields[name].error_messages |= dict.fromkeys(("max_whole_digits", "max_digits", "max_value"), part)


class ReferrerForm(CommissionForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        same = Referrer.objects.filter(user_account=self.account, code_key=code_key(cleaned.get("code") or ""))
        if same.exclude(pk=self.instance.pk).exists():
            self.add_error("code", _("Another referrer has this code already."))
        return cleaned

    def _post_clean(self) -> None:
        # Cleaning the row needs its account, which a form without one does not have.
        if self.instance.user_account_id or self.cleaned_data.get("user_account"):
            super()._post_clean()  # type: ignore[misc]


@admin.register(Referrer)
class ReferrerAdmin(AccountScopedAdmin[Referrer]):
    form = ReferrerForm
    delete_role = None  # the ledger remembers them
    list_display: Any = ("who", "code", "rate", "accrued", "paid", "balance", "user_account")
    list_display_links = ("who",)
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    search_fields = ("name", "code", "phone")
    ordering = ("user_account", "code_key")
    actions: Any = ("pay_out",)
    actions_detail: Any = ("pay_out_one", "rotate")
    readonly_fields: Any = ("private_link", "accrued", "paid", "balance")
    fieldsets: Any = (
        (None, {"fields": ("user_account", "code", "name", "phone", "commission_rate")}),
        (gettext_lazy("Money"), {"fields": ("accrued", "paid", "balance")}),
        (
            gettext_lazy("Private page"),
            {
                "fields": ("private_link",),
                "description": gettext_lazy("Their own figures, without a login. Whoever has the link sees them."),
            },
        ),
    )

    class Media:
        js = ("voronka/copy.js",)

    def fieldsets_for(self, request: HttpRequest, obj: Any) -> Any:
        fieldsets = super().fieldsets_for(request, obj)
        return fieldsets if obj is not None else fieldsets[:1]

    def save_row(self, request: HttpRequest, obj: Referrer, form: Any, change: bool) -> None:
        try:
            referrer_save(obj, form.changed_data)
        except CodeTaken as error:
            # Somebody took the code between the check and now.
            raise ValidationError(error.messages) from error

    # --- Cells ---

    def prepare_page(self, request: HttpRequest, rows: list[Referrer]) -> None:
        found = balances([referrer.pk for referrer in rows])
        rates = {account: default_rate(account) for account in {referrer.user_account for referrer in rows}}
        for referrer in rows:
            referrer.sums = found.get(referrer.pk, [])  # type: ignore[attr-defined]
            referrer.default_rate = rates[referrer.user_account]  # type: ignore[attr-defined]

    @display(description=gettext_lazy("referrer"), ordering="name")
    def who(self, referrer: Referrer) -> SafeString:
        return lines(referrer.name or referrer.code, referrer.phone)

    @display(description=gettext_lazy("rate"))
    def rate(self, referrer: Referrer) -> str:
        default = getattr(referrer, "default_rate", None)
        return share(referrer.rate(default_rate(referrer.user_account) if default is None else default))

    @display(description=gettext_lazy("accrued"))
    def accrued(self, referrer: Referrer) -> SafeString:
        return _sums(referrer, "accrued")

    @display(description=gettext_lazy("paid out"))
    def paid(self, referrer: Referrer) -> SafeString:
        return _sums(referrer, "paid")

    @display(description=gettext_lazy("owed"))
    def balance(self, referrer: Referrer) -> SafeString:
        return _sums(referrer, "balance")

    @display(description=gettext_lazy("link"))
    def private_link(self, referrer: Referrer) -> SafeString:
        return format_html(
            '<span class="v-hook-line"><code class="v-code" id="v-private-link">{}</code>'
            '<button type="button" class="v-copy" data-copy="#v-private-link" '
            'data-done="{}" data-failed="{}">{}</button></span>',
            private_page(referrer),
            _("Copied"),
            _("Select and copy"),
            _("Copy"),
        )

    # --- Paying, and links ---

    @admin.action(description=gettext_lazy("Pay out…"), permissions=["staff"])
    def pay_out(self, request: HttpRequest, queryset: QuerySet[Referrer]) -> HttpResponseRedirect:
        return to_page(_PAYOUT, self.writable(request, queryset).values_list("pk", flat=True))

    @action(description=gettext_lazy("Pay out…"), icon="payments", permissions=["staff"], url_path="pay-out-one")
    def pay_out_one(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        return to_page(_PAYOUT, [object_id])

    @action(
        description=gettext_lazy("Replace the link"),
        icon="link_off",
        permissions=["staff"],
        url_path="rotate",
        dialog=_ROTATE,
    )
    def rotate(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        referrer = self.get_queryset(request).filter(pk=object_id).first()
        if referrer is None or not self.has_staff_permission(request, referrer):
            raise PermissionDenied
        rotate_link(referrer)
        self.message_user(request, _("The old link is void; here is the new one."), messages.SUCCESS)
        return HttpResponse(headers={"HX-Redirect": reverse("admin:analytics_referrer_change", args=[object_id])})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self._payout_view)
        return [path("payout/", view, name="analytics_referrer_payout"), *super().get_urls()]

    def _payout_view(self, request: HttpRequest) -> HttpResponse:
        return payout_view(self, request)


def _sums(referrer: Referrer, name: str) -> SafeString:
    known: list[Balance] | None = getattr(referrer, "sums", None)
    if known is None:
        known = balances([referrer.pk]).get(referrer.pk, [])
    cells = [("v-money v-debt" if getattr(item, name) < 0 else "v-money", item) for item in known]
    html = format_html_join(
        "", '<span class="{}">{}</span> ', ((style, money(getattr(item, name), item.currency)) for style, item in cells)
    )
    return html or SafeString(EMPTY)


@admin.register(MoneySettings)
class MoneySettingsAdmin(OnePerAccountAdmin[MoneySettings]):
    form = CommissionForm
    list_display = ("__str__", "default_commission_rate")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    fields = ("user_account", "default_commission_rate")
    delete_role = None
