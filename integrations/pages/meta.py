"""`/app/spend/meta`: the ad accounts whose spend is read from Meta, how they stand, and ads without a creative."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from integrations.meta.ad_accounts import act_id_typed, read_now, token_typed
from integrations.models import MetaAdAccount, MetaAdDay, MetaPull
from leads.access import account_of, account_rows, demand, page, posted
from leads.deals.apply import lock_account
from leads.models import Creative, Role, UserAccount
from leads.pages.rendering import render_page
from leads.services.ads import creatives_appeared

SHOWN_PULLS = 5
SHOWN_ADS = 50
RECENT = timedelta(days=90)


class AdAccountForm(forms.ModelForm[MetaAdAccount]):
    class Meta:
        model = MetaAdAccount
        fields = ("act_id", "access_token")
        widgets = {"access_token": forms.PasswordInput({"autocomplete": "off"})}

    act_id = forms.CharField(
        label=gettext_lazy("Ad account"),
        widget=forms.TextInput({"placeholder": "act_123456789", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        token = self.fields["access_token"]
        token.label = _("Access token")
        token.required = not settings.META_ADS_TOKEN
        token.help_text = (
            _("A token of a system user with ads_read, from Meta's Business settings.")
            if token.required
            else _("Leave the token empty to use the server's own.")
        )

    def clean_act_id(self) -> str:
        return act_id_typed(self.cleaned_data["act_id"])

    def clean_access_token(self) -> str:
        return token_typed(self.cleaned_data["access_token"])


@require_http_methods(["GET", "HEAD", "POST"])
@page()
def meta_page(request: HttpRequest) -> HttpResponse:
    account = account_of(request)
    form = AdAccountForm(instance=MetaAdAccount(user_account=account))
    if request.method == "POST":
        demand(request, Role.OWNER)
        form = AdAccountForm(request.POST, instance=MetaAdAccount(user_account=account))
        if form.is_valid():
            read_now(form.save())
            messages.success(request, _("The ad account is being read; its spend is here in a minute or two."))
            return redirect("page-meta")
    context = {
        "form": form,
        "ad_accounts": account_rows(MetaAdAccount, request).defer("access_token"),
        "pulls": account_rows(MetaPull, request).select_related("ad_account").order_by("-pk")[:SHOWN_PULLS],
        "ads": _ads_without_creative(account),
    }
    return render_page(request, "pages/meta.html", context, status=400 if form.errors else 200)


@page(Role.STAFF)
@posted("page-meta")
def meta_read(request: HttpRequest) -> HttpResponse:
    for ad_account in account_rows(MetaAdAccount, request).filter(is_active=True):
        read_now(ad_account)
    messages.success(request, _("Meta is being asked; what it says is here in a minute or two."))
    return redirect("page-meta")


@page(Role.STAFF)
@posted("page-meta")
@transaction.atomic
def meta_creatives(request: HttpRequest) -> HttpResponse:
    """A creative of each chosen ad, to which deals that named the ad are credited. Their spend moves to them with the
    reading that is begun here."""
    account = account_of(request)
    lock_account(account)
    chosen = _ads_without_creative(account, request.POST.getlist("ad")[:SHOWN_ADS])
    made = Creative.objects.bulk_create(
        [
            Creative(user_account=account, external_ad_id=ad["ad_id"], name=(ad["name"] or ad["ad_id"])[:300])
            for ad in chosen
        ],
        ignore_conflicts=True,
    )
    creatives_appeared(account, made)
    for ad_account in account_rows(MetaAdAccount, request).filter(is_active=True):
        read_now(ad_account)
    text = ngettext("%(n)s creative is made.", "%(n)s creatives are made.", len(made)) % {"n": len(made)}
    messages.success(request, text)
    return redirect("page-meta")


def _ads_without_creative(account: UserAccount, ad_ids: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Of the last days, the dearest first; as many as are shown, or only those of `ad_ids`."""
    since = timezone.localdate(timezone=account.zone) - RECENT
    rows = MetaAdDay.objects.filter(user_account=account, creative=None, day__gte=since)
    if ad_ids is not None:
        rows = rows.filter(ad_id__in=ad_ids)
    sums = rows.order_by().values("ad_id", "ad_account__currency").annotate(amount=Sum("amount"), last=Max("day"))
    ads = list(sums.order_by("-amount", "ad_id")[:SHOWN_ADS])
    # Meta tells of each day under the names of then: the latest are those that people know.
    told = rows.filter(ad_id__in=[ad["ad_id"] for ad in ads]).order_by("day")
    names = {ad_id: names for ad_id, *names in told.values_list("ad_id", "ad_name", "campaign")}
    return [{**ad, "name": names[ad["ad_id"]][0], "campaign": names[ad["ad_id"]][1]} for ad in ads]
