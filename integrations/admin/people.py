"""People's data: handing out and erasing what is known of a person, and the list of what was done."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from analytics.models import ReferralConversion, ReferralEarning, Referrer, Sale
from integrations.models import LeadPush, SaleNotification, SyncGap, WebhookLog
from integrations.people.erasing import erase_person
from integrations.people.export import as_json, export_person
from leads.admin import tenancy
from leads.admin.base import AccountForm, AccountScopedAdmin
from leads.admin.filters import AccountFilter
from leads.models import Lead, LeadStatusHistory, PersonRequest, Role
from leads.people import find_person

_KINDS: dict[str, type[Model]] = {
    "leads": Lead,
    "status_history": LeadStatusHistory,
    "sales": Sale,
    "referral_conversions": ReferralConversion,
    "referral_earnings": ReferralEarning,
    "referrers": Referrer,
    "notifications": SaleNotification,
    "pushes": LeadPush,
    "sync_gaps": SyncGap,
    "gaps": SyncGap,
    "deliveries": WebhookLog,
}
NAMES = {
    **{table: model._meta.verbose_name_plural for table, model in _KINDS.items()},
    "tags": _("tags"),
    "deliveries_waiting": _("deliveries that wait"),
}
"""What a request counted, as people call it."""


class PersonForm(AccountForm):
    phone = forms.CharField(
        label=_("phone"), max_length=100, widget=UnfoldAdminTextInputWidget, help_text=_("In any spelling.")
    )
    is_certain = forms.BooleanField(
        label=_("erase for good"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Only for erasing: it cannot be undone. Sales and statistics stay, without the person."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        account = cleaned.get("user_account")
        if account is not None and cleaned.get("phone"):
            try:
                find_person(account, cleaned["phone"])
            except forms.ValidationError as error:
                self.add_error("phone", error)
        if cleaned.get("kind") == PersonRequest.Kind.ERASURE and not cleaned.get("is_certain"):
            self.add_error("is_certain", _("Say that you are certain."))
        return cleaned


@admin.register(PersonRequest)
class PersonRequestAdmin(AccountScopedAdmin[PersonRequest]):
    add_role = Role.OWNER
    change_role = delete_role = None
    form = PersonForm
    list_display = ("created_at", "user_account", "kind", "pseudonym", "done_by", "how_much")
    list_select_related = ("user_account", "done_by")
    list_filter = (AccountFilter, ("kind", ChoicesDropdownFilter))
    sortable_by = ()
    ordering = ("-id",)
    fields = ("user_account", "kind", "pseudonym", "done_by", "created_at", "how_much")
    readonly_fields = ("pseudonym", "done_by", "created_at", "how_much")

    @display(description=_("how much"))
    def how_much(self, request: PersonRequest) -> str:
        return ", ".join(f"{NAMES.get(table, table)}: {number}" for table, number in request.counts.items() if number)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("user_account", "kind", "phone", "is_certain")

    def fieldsets_for(self, request: HttpRequest, obj: Any) -> Any:
        fieldsets = super().fieldsets_for(request, obj)
        if obj is not None:
            return fieldsets
        asked = _(
            "Of the person who has this phone: “handed out” downloads all that is kept, “erased” removes it here."
        )
        return [(title, {**options, "description": asked}) for title, options in fieldsets]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """What the form asks for is done after the transaction in which Django has forms checked and saved: all
        deliveries are read, and meanwhile nobody of the account could write (on SQLite nobody at all, nor be heard)."""
        answer = super().add_view(request, form_url, extra_context)
        form: PersonForm | None = getattr(request, "person_form", None)
        return answer if form is None else self._done(request, form)

    def save_row(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        request.person_form = form  # type: ignore[attr-defined]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing is related, and nothing saved yet."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_addition(request, obj, message) if obj.pk else None

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        answer: HttpResponse = super().response_add(request, obj, post_url_continue) if obj.pk else HttpResponse()
        return answer

    def _done(self, request: HttpRequest, form: PersonForm) -> HttpResponse:
        asked, user = form.cleaned_data, tenancy.user_of(request)
        if asked["kind"] == PersonRequest.Kind.ERASURE:
            done = erase_person(asked["user_account"], asked["phone"], by=user)
            response = self.response_add(request, done)
        else:
            done, document = export_person(asked["user_account"], asked["phone"], by=user)
            response = HttpResponse(as_json(document), content_type="application/json")
            response["Content-Disposition"] = f'attachment; filename="person-{done.pk}.json"'
        self.log_addition(request, done, [{"added": {}}])
        return response
