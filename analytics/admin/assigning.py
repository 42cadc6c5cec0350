"""The two pages that empty the queue: assigning sales by hand, and adding a pattern after seeing what it moves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from analytics.admin.selecting import ids_asked
from analytics.earning.patterns import PreviewStale, pattern_change, sales_assign, sales_moved_by
from analytics.models import Sale, Targetologist
from leads.admin import tenancy
from leads.admin.zone import shown_zone
from leads.amounts import number
from leads.ids import ids_in
from leads.models import Role, UserAccount

SHOWN_SALES = 100
_QUEUE = "admin:analytics_unknownsale_changelist"


class AssignForm(forms.Form):
    targetologist = forms.ModelChoiceField(
        Targetologist.objects.none(),
        label=gettext_lazy("targetologist"),
        required=False,
        empty_label=gettext_lazy("— nobody by hand: as the patterns say —"),
        widget=UnfoldAdminSelectWidget,
    )


class PatternForm(forms.Form):
    targetologist = forms.ModelChoiceField(
        Targetologist.objects.none(), label=gettext_lazy("targetologist"), widget=UnfoldAdminSelectWidget
    )
    pattern = forms.CharField(
        label=gettext_lazy("pattern"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("A part of utm_campaign or utm_source, in any case."),
    )


def assign_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    sales, account = _chosen(model_admin, request)
    form = AssignForm(request.POST or None)
    form.fields["targetologist"].queryset = _people(account)  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        person = form.cleaned_data["targetologist"]
        assigned = sales_assign(account, [sale.pk for sale in sales], person)
        text = ngettext("%(n)d sale is now %(whose)s.", "%(n)d sales are now %(whose)s.", assigned)
        messages.success(request, text % {"n": assigned, "whose": person or _("as the patterns say")})
        return HttpResponseRedirect(reverse(_QUEUE))
    context = {"form": form, "sales": sales[:SHOWN_SALES], "count": len(sales), "title": _("Assign sales")}
    return _page(model_admin, request, account, "admin/analytics/assign.html", context)


def pattern_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """GET: the form, and with a pattern the preview. POST: apply exactly what the preview showed."""
    sales, account = _chosen(model_admin, request)
    people = _people(account)
    asked = request.POST if request.method == "POST" else request.GET
    has_asked = "pattern" in asked
    initial = {"pattern": sales[0].utm_campaign or sales[0].utm_source} if sales else {}
    form = PatternForm(asked if has_asked else None, initial=initial)
    form.fields["targetologist"].queryset = people  # type: ignore[attr-defined]
    context: dict[str, Any] = {"form": form, "ids": request.GET.get("ids", ""), "title": _("Add a pattern")}
    if has_asked and form.is_valid():
        person, pattern = form.cleaned_data["targetologist"], form.cleaned_data["pattern"]
        if request.method == "POST" and _applied(request, person, pattern):
            return HttpResponseRedirect(reverse(_QUEUE))
        moved = [move.sale for move in sales_moved_by(person, pattern)]
        context |= {"person": person, "pattern": pattern, "moved": moved[:SHOWN_SALES], "count": len(moved)}
        context["moved_ids"] = ",".join(str(sale.pk) for sale in moved)
    return _page(model_admin, request, account, "admin/analytics/pattern.html", context)


def _applied(request: HttpRequest, person: Targetologist, pattern: str) -> bool:
    try:
        moved = pattern_change(person, pattern, ids_in(request.POST.get("moved", "")))
    except PreviewStale:
        messages.warning(request, _("Sales have changed since you looked. This is what it would move now."))
        return False
    text = ngettext(
        "“%(pattern)s” is now a pattern of %(person)s; %(n)s sale was moved.",
        "“%(pattern)s” is now a pattern of %(person)s; %(n)s sales were moved.",
        moved,
    )
    messages.success(request, text % {"pattern": pattern, "person": person, "n": number(moved)})
    return True


def _chosen(model_admin: Any, request: HttpRequest) -> tuple[list[Sale], UserAccount]:
    """The sales of `?ids=`, all of one account in which the visitor is staff."""
    rows = model_admin.get_queryset(request).filter(pk__in=ids_asked(request))
    sales: list[Sale] = list(rows.select_related("user_account", "targetologist"))
    if not sales:
        raise Http404
    account = sales[0].user_account
    if not tenancy.allows(request, Role.STAFF, account.pk):
        raise PermissionDenied
    others = [sale for sale in sales if sale.user_account_id != account.pk]
    if others:
        messages.warning(request, _("Only sales of %s are shown: one account at a time.") % account)
    return [sale for sale in sales if sale.user_account_id == account.pk], account


def _people(account: UserAccount) -> Any:
    return Targetologist.objects.filter(user_account=account)


def _page(
    model_admin: Any, request: HttpRequest, account: UserAccount, template: str, context: dict[str, Any]
) -> TemplateResponse:
    frame = {**model_admin.admin_site.each_context(request), "opts": model_admin.model._meta, "back": reverse(_QUEUE)}
    frame["zone"] = shown_zone(account)
    return TemplateResponse(request, template, {**frame, **context})
