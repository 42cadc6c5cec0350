"""`/app/what-if`: what a qualified stage, a pattern or a commission rate would do to the numbers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from analytics.earning.patterns import PreviewStale, pattern_change
from analytics.earning.referrers import referrer_save
from analytics.models import Referrer, Targetologist
from analytics.pages.long_select import LongSelect
from analytics.pages.periods import LAST_DAYS, period_of
from analytics.reports.definitions import QUALIFICATION_FIGURES, ROI_FIGURES
from analytics.whatif.effects import pattern_changed, rate_changed, stage_toggled
from leads.access import account_of, account_rows, page, posted
from leads.amounts import number
from leads.ids import ids_in
from leads.models import PipelineStage, Role, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pages.rendering import render_page

SHOWN_SALES = 50
MAX_PATTERN_LENGTH = 200


class StageForm(forms.Form):
    stage = forms.ModelChoiceField(
        PipelineStage.objects.none(), label=gettext_lazy("Stage"), empty_label=gettext_lazy("choose")
    )

    def __init__(self, data: Any, account: UserAccount) -> None:
        super().__init__(data)
        stages = PipelineStage.objects.filter(user_account=account, is_archived=False)
        self.fields["stage"].queryset = stages.exclude(status_id__in=(WON_STATUS_ID, LOST_STATUS_ID))  # type: ignore[attr-defined]


class PatternForm(forms.Form):
    targetologist = forms.ModelChoiceField(
        Targetologist.objects.none(), label=gettext_lazy("Targetologist"), empty_label=gettext_lazy("choose")
    )
    instead_of = forms.ChoiceField(label=gettext_lazy("In the place of"), required=False)
    pattern = forms.CharField(label=gettext_lazy("A new pattern"), max_length=MAX_PATTERN_LENGTH, required=False)

    def __init__(self, data: Any, account: UserAccount) -> None:
        super().__init__(data)
        people = Targetologist.objects.filter(user_account=account)
        self.fields["targetologist"].queryset = people  # type: ignore[attr-defined]
        theirs = [(str(person), [(str(one), str(one)) for one in person.patterns]) for person in people]
        self.fields["instead_of"].choices = [("", gettext_lazy("none: one more")), *theirs]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        person, old = given.get("targetologist"), given.get("instead_of")
        if person and old and old not in map(str, person.patterns):
            self.add_error("instead_of", _("This is a pattern of somebody else."))
        if not old and not given.get("pattern"):
            self.add_error("pattern", _("Enter a pattern, or choose one that is to go."))
        return given


class RateForm(forms.Form):
    referrer = forms.ModelChoiceField(
        Referrer.objects.none(),
        label=gettext_lazy("Referrer"),
        empty_label=gettext_lazy("choose"),
        widget=LongSelect,
    )
    rate = forms.DecimalField(
        label=gettext_lazy("Commission rate"), min_value=0, max_value=1, max_digits=5, decimal_places=4, required=False
    )

    def __init__(self, data: Any, account: UserAccount) -> None:
        super().__init__(data)
        self.fields["referrer"].queryset = Referrer.objects.filter(user_account=account)  # type: ignore[attr-defined]


@require_safe
@page()
def what_if(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    period = period_of(request.GET, account)
    span = period.span(account)
    context: dict[str, Any] = {
        "period": period,
        "periods": LAST_DAYS,
        "kept": [
            (name, value)
            for name in (*StageForm.base_fields, *PatternForm.base_fields, *RateForm.base_fields)
            if (value := request.GET.get(name))
        ],
        "account_currency": account.currency,
        "definitions": {figure.name: figure for figure in (*ROI_FIGURES, *QUALIFICATION_FIGURES)},
    }
    stage, pattern, rate = (
        form(request.GET if name in request.GET else None, account)
        for form, name in ((StageForm, "stage"), (PatternForm, "pattern"), (RateForm, "referrer"))
    )
    if stage.is_valid():
        chosen = stage.cleaned_data["stage"]
        lines, total = stage_toggled(span, chosen)
        context |= {"stage": chosen, "lines": lines, "total": total}
    if pattern.is_valid():
        given = pattern.cleaned_data
        moves, flows = pattern_changed(given["targetologist"], given["pattern"], given["instead_of"])
        context |= {
            "change": given,
            "flows": flows,
            "moved": [move.sale for move in moves[:SHOWN_SALES]],
            "moved_count": len(moves),
            "moved_ids": ",".join(str(move.sale.pk) for move in moves),
        }
    if rate.is_valid():
        referrer, new = rate.cleaned_data["referrer"], rate.cleaned_data["rate"]
        context |= {"referrer": referrer, "rate": new, "commissions": rate_changed(span, referrer, new)}
    context |= {"stage_form": stage, "pattern_form": pattern, "rate_form": rate}
    return render_page(request, "pages/what_if.html", context)


@page(Role.STAFF)
@posted("page-what-if")
def apply_pattern(request: HttpRequest) -> HttpResponse:
    """Change the patterns and move exactly the sales that were shown."""
    form = PatternForm(request.POST, account_of(request))
    if not form.is_valid():
        raise Http404
    given = form.cleaned_data
    shown = ids_in(request.POST.get("moved", ""))
    try:
        moved = pattern_change(given["targetologist"], given["pattern"], shown, instead_of=given["instead_of"])
    except PreviewStale:
        messages.error(request, _("Things have changed since you looked. Nothing was changed."))
    else:
        text = ngettext("%(n)s sale moved.", "%(n)s sales moved.", moved) % {"n": number(moved)}
        messages.success(request, f"{_('The patterns were changed.')} {text}")
    return redirect("page-what-if")


@page(Role.STAFF)
@posted("page-what-if")
def apply_rate(request: HttpRequest) -> HttpResponse:
    """For new sales: those already credited keep their rate."""
    form = RateForm(request.POST, account_of(request))
    if not form.is_valid():
        raise Http404
    referrer = account_rows(Referrer, request).get(pk=form.cleaned_data["referrer"].pk)
    referrer.commission_rate = form.cleaned_data["rate"]
    referrer_save(referrer, ["commission_rate"])
    messages.success(request, _("The rate holds for new sales."))
    return redirect("page-what-if")
