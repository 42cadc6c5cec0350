"""The page on which an account says in which of its amoCRM fields its UTM stand: the fields are read live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from integrations.amocrm.client import AmoCRMClient
from integrations.amocrm.entities import FieldFacts
from integrations.amocrm.errors import AmoCRMError
from integrations.amocrm.utm import utm_key_of
from integrations.models import AmoCRMConnection, ConnectionState
from leads.models import UserAccount
from leads.news import UTM_COLUMNS
from leads.told import retold

TEMPLATE = "admin/integrations/utm_fields.html"


@dataclass(frozen=True, slots=True)
class Line:
    """A field of amoCRM with its choice. `found_as`: the key by which it is found without being mapped."""

    field: FieldFacts
    found_as: str
    choice: Any


class UtmFieldsForm(forms.Form):
    """A choice among the UTM keys for each field."""

    def __init__(self, fields: Sequence[FieldFacts], mapping: Mapping[str, str], data: Any = None) -> None:
        super().__init__(data)
        self.reported = fields
        for field in fields:
            self.fields[f"field-{field.field_id}"] = forms.ChoiceField(
                choices=[("", gettext_lazy("— no UTM —")), *((key, key) for key in UTM_COLUMNS)],
                label=field.name,
                required=False,
                initial=mapped_to(field, mapping),
                widget=UnfoldAdminSelectWidget(attrs={"aria-label": field.name}),
            )

    def lines(self) -> list[Line]:
        """Those that say something about UTM first, then the others, each in amoCRM's order."""
        found = [
            Line(field, utm_key_of(field.name, field.code), self[f"field-{field.field_id}"]) for field in self.reported
        ]
        return sorted(found, key=lambda line: not (line.found_as or line.choice.value()))

    def chosen(self) -> dict[str, str]:
        """Field id → UTM key."""
        return {
            str(field.field_id): key
            for field in self.reported
            if (key := self.cleaned_data.get(f"field-{field.field_id}", ""))
        }


def mapped_to(field: FieldFacts, mapping: Mapping[str, str]) -> str:
    """The UTM key to which a mapping sends the field, by its id or its name; empty where it does not."""
    return next((key for name, key in mapping.items() if _is_of(name, field)), "")


def left_over(fields: Sequence[FieldFacts], mapping: Mapping[str, str]) -> dict[str, str]:
    """What the mapping says of fields that amoCRM did not report: kept, for they may be another account's or back."""
    return {name: key for name, key in mapping.items() if not any(_is_of(name, field) for field in fields)}


def _is_of(name: str, field: FieldFacts) -> bool:
    # As `integrations.amocrm.utm` compares them.
    return str(name).strip().casefold() in (str(field.field_id), field.name.casefold())


def utm_fields_view(model_admin: Any, request: HttpRequest, account: UserAccount) -> HttpResponse:
    """GET: the fields that amoCRM reports, each with its UTM key. POST: save what was chosen."""
    fields, trouble = _reported(account)
    form = UtmFieldsForm(fields, account.utm_mapping, request.POST if request.method == "POST" else None)
    others = left_over(fields, account.utm_mapping)
    if request.method == "POST" and not trouble and form.is_valid():
        _save(model_admin, request, account, others | form.chosen())
        return HttpResponseRedirect(reverse("admin:leads_useraccount_change", args=[account.pk]))
    context = {
        "title": _("UTM fields of %s") % account,
        "account": account,
        "form": form,
        "others": sorted(others.items()),
        "trouble": trouble,
        "connection_page": f"/connection/?userAccountId={account.pk}",
        "back": reverse("admin:leads_useraccount_change", args=[account.pk]),
        "opts": model_admin.model._meta,
    }
    return TemplateResponse(request, TEMPLATE, {**model_admin.admin_site.each_context(request), **context})


def _reported(account: UserAccount) -> tuple[list[FieldFacts], str]:
    """The fields, or why they cannot be read, for people."""
    connection = AmoCRMConnection.objects.select_related("user_account").filter(user_account=account).first()
    if connection is None or connection.state == ConnectionState.DISCONNECTED:
        return [], _("This account is not connected to amoCRM, so its fields are not known. Connect it first.")
    if connection.state == ConnectionState.RECONNECT_NEEDED:
        return [], _("amoCRM no longer accepts this connection. Its owner has to connect again first.")
    try:
        return AmoCRMClient(connection).lead_fields(), ""
    except AmoCRMError as error:
        return [], _("amoCRM could not be asked for its fields just now: %s") % retold(error.detail)


def _save(model_admin: Any, request: HttpRequest, account: UserAccount, mapping: dict[str, str]) -> None:
    if mapping == account.utm_mapping:
        messages.info(request, _("Nothing was changed."))
        return
    account.utm_mapping = mapping
    account.save(update_fields=["utm_mapping"])
    model_admin.log_change(request, account, [{"changed": {"fields": ["UTM field mapping"]}}])
    text = _("Saved. News of deals are read by it from now on; a full sync brings it to the deals already known.")
    messages.success(request, text)
