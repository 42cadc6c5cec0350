"""Finding leads: the search box, the filters and the order of the leads page, all kept in its address."""

from __future__ import annotations

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from leads.api.filters import any_case
from leads.days import within_days
from leads.ids import id_in
from leads.models import Lead, LeadSource, MatchMethod, UserAccount
from leads.news import LOST_STATUS_ID, WON_STATUS_ID
from leads.pages.days_form import DaysForm
from leads.pages.narrowing import LEAD_NARROWERS, Narrowing
from leads.pages.sorting import Sorting
from leads.pages.stage_names import StageBook
from leads.phones import phones_in

ANY = ("", _("any"))
NOT_MATCHED = "none"
# In whatever pipeline.
ENDS = {"won": WON_STATUS_ID, "lost": LOST_STATUS_ID}
# So many digits of a phone name few enough people to be worth a look.
MIN_PHONE_PART = 4

SORTING = Sorting({"day": "lead_at", "name": "name", "price": "price", "news": "amocrm_updated_at"}, default="-day")


class LeadSearch(DaysForm):
    """The page's GET form. What cannot be understood is said at its field and filters nothing."""

    q = forms.CharField(label=_("Phone, deal number or name"), required=False, max_length=200)
    stage = forms.ChoiceField(label=_("Stage"), required=False)
    source = forms.ChoiceField(label=_("Source"), required=False, choices=[ANY, *LeadSource.choices])
    qualified = forms.ChoiceField(
        label=_("Qualification"), required=False, choices=[ANY, ("yes", _("qualified")), ("no", _("not qualified"))]
    )
    match = forms.ChoiceField(
        label=_("Match"), required=False, choices=[ANY, *MatchMethod.choices, (NOT_MATCHED, _("no deal yet"))]
    )
    order = forms.CharField(required=False, widget=forms.HiddenInput)
    deleted = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict, account: UserAccount, stages: StageBook) -> None:
        super().__init__(data)
        self.account = account
        self.narrowing = Narrowing(data, account, LEAD_NARROWERS)
        self.fields["q"].widget = forms.TextInput({"type": "search", "placeholder": "+7 701 … / 12345 / …"})
        stage = self.fields["stage"]
        assert isinstance(stage, forms.ChoiceField)
        stage.choices = [ANY, ("won", _("Won")), ("lost", _("Lost")), *stages.choices()]
        self.is_valid()

    @property
    def is_narrowed(self) -> bool:
        chosen = any(value for key, value in self.cleaned_data.items() if key not in ("order", "deleted"))
        return chosen or bool(self.narrowing)

    @property
    def shows_deleted(self) -> bool:
        return bool(self.cleaned_data.get("deleted"))

    @property
    def order_name(self) -> str:
        return SORTING.known(str(self.cleaned_data.get("order") or ""))

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the form passes on."""
        own = [("order", self.order_name)] if self.cleaned_data.get("order") else []
        if self.shows_deleted:
            own.append(("deleted", "1"))
        return [*self.narrowing.given.items(), *own]

    def leads(self) -> QuerySet[Lead]:
        """The account's leads that are asked for, in the order asked for."""
        leads = Lead.objects.filter(self._conditions(), user_account=self.account, is_deleted=self.shows_deleted)
        first, last = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        leads = within_days(leads, "lead_at", self.account, first, last)
        return SORTING.sort(self.narrowing.of(leads), self.order_name)

    def _conditions(self) -> Q:
        given = self.cleaned_data
        condition = text_condition(given.get("q") or "", self.account)
        if given.get("stage") in ENDS:
            condition &= Q(current_status_id=ENDS[given["stage"]])
        elif given.get("stage"):
            pipeline_id, _colon, status_id = given["stage"].partition(":")
            condition &= Q(current_pipeline_id=int(pipeline_id), current_status_id=int(status_id))
        if given.get("source"):
            condition &= Q(source=given["source"])
        if given.get("qualified"):
            condition &= Q(is_qualified=given["qualified"] == "yes")
        if given.get("match") == NOT_MATCHED:
            condition &= Q(amocrm_lead_id=None)
        elif given.get("match"):
            condition &= Q(match_method=given["match"])
        return condition


def text_condition(text: str, account: UserAccount) -> Q:
    """What one box can mean: a phone in any spelling or a part of one, a deal's or lead's number, a name."""
    text = text.strip()
    if not text:
        return Q()
    condition = Q(phone_e164__in=[phone.e164 for phone in phones_in(text, account.phone_region)])
    number = id_in(text.removeprefix("#"))
    if number is not None:
        condition |= Q(amocrm_lead_id=number) | Q(pk=number)
    digits = "".join(filter(str.isdecimal, text))
    if len(digits) >= MIN_PHONE_PART and not any(map(str.isalpha, text)):
        return condition | Q(phone_e164__contains=digits)
    return condition | any_case("name", text) | any_case("deal_name", text)
