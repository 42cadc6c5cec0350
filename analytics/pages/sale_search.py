"""Finding sales: the filters of the sales page, all kept in its address."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

from django import forms
from django.db.models import Count, Q, QuerySet, Sum
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from analytics.earning.queue import unknown
from analytics.models import ConversionStatus, Referrer, Routing, Sale, SaleStatus, Targetologist
from analytics.models.spend import campaign_key
from analytics.pages.definitions import OF_NONE, ONE_OF, Text
from analytics.pages.periods import DaysForm
from analytics.reports.queries import own_or_creatives
from analytics.reports.spans import Basis, GroupBy
from leads.api.filters import MAX_ID, any_case
from leads.models import Creative, Direction, UserAccount
from leads.pages.days import begin_of, end_of
from leads.phones import phones_in

ANY, NONE = "", "none"
QUEUE = "queue"
ID_OR_NONE = rf"^({NONE}|\d{{1,18}})$"
# A report's row leads here with what it is a row of; these have no field to choose them in.
HIDDEN = ("creative", "direction", "campaign", "basis")
BY_CODE = (ConversionStatus.ACTIVE, ConversionStatus.SELF_REFERRAL)


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a report's row has narrowed the list to. `url`: the list without it."""

    label: Text
    value: Text
    url: str


@dataclass(frozen=True, slots=True)
class Paid:
    """Of the sales found, those that are paid."""

    currency: str
    sales: int
    amount: Decimal


class SaleSearch(DaysForm):
    """The page's GET form. What cannot be understood is said at its field and filters nothing."""

    q = forms.CharField(label=_("Client, phone or deal number"), required=False, max_length=200)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[(ANY, _("any")), *SaleStatus.choices])
    credit = forms.ChoiceField(
        label=_("Routing"),
        required=False,
        choices=[(ANY, _("any")), (QUEUE, _("nobody known")), *(x for x in Routing.choices if x[0] != "unknown")],
    )
    targetologist = forms.ChoiceField(label=_("Targetologist"), required=False)
    referrer = forms.ChoiceField(label=_("Referrer"), required=False)
    creative = forms.RegexField(ID_OR_NONE, required=False, widget=forms.HiddenInput)
    direction = forms.RegexField(ID_OR_NONE, required=False, widget=forms.HiddenInput)
    campaign = forms.CharField(required=False, widget=forms.HiddenInput, max_length=500)
    basis = forms.ChoiceField(required=False, widget=forms.HiddenInput, choices=[(ANY, ""), *Basis.choices])

    def __init__(self, data: QueryDict, account: UserAccount) -> None:
        super().__init__(data)
        self.query = data
        self.account = account
        self.fields["q"].widget = forms.TextInput({"type": "search", "placeholder": "+7 701 … / 12345 / …"})
        people = [(str(row.pk), str(row)) for row in Targetologist.objects.filter(user_account=account)]
        referrers = [(str(row.pk), str(row)) for row in Referrer.objects.filter(user_account=account)]
        self._offer("targetologist", _("nobody's"), people)
        self._offer("referrer", _("nobody's"), referrers)
        self.is_valid()

    def _offer(self, name: str, nobody: Text, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(ANY, _("any")), (NONE, nobody), *choices]

    def given(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")

    @property
    def is_cohort(self) -> bool:
        return self.given("basis") == Basis.COHORT

    @property
    def is_narrowed(self) -> bool:
        return any(self.cleaned_data.values())

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the form passes on."""
        return [(name, self.given(name)) for name in HIDDEN if self.given(name)]

    def sales(self) -> QuerySet[Sale]:
        """The account's sales that are asked for, the latest first."""
        rows = Sale.objects.filter(user_account=self.account)
        rows = rows.filter(self._days(), self._text(), self._people())
        if self.given("status"):
            rows = rows.filter(status=self.given("status"))
        if self.given("credit") == QUEUE:
            rows = unknown(rows)
        elif self.given("credit"):
            rows = rows.filter(routing_decision=self.given("credit"))
        return self._of_row(rows).order_by("-sold_at", "-id")

    def _days(self) -> Q:
        column = "lead__lead_at" if self.is_cohort else "sold_at"
        found = Q(lead__is_deleted=False) if self.is_cohort else Q()
        if self.cleaned_data.get("since"):
            found &= Q(**{f"{column}__gte": begin_of(self.cleaned_data["since"], self.account)})
        if self.cleaned_data.get("until"):
            found &= Q(**{f"{column}__lt": end_of(self.cleaned_data["until"], self.account)})
        return found

    def _text(self) -> Q:
        text = self.given("q").strip()
        if not text:
            return Q()
        found = any_case("client_name", text) | Q(client_phone__icontains=text)
        found |= Q(client_phone__in=[phone.e164 for phone in phones_in(text, self.account.phone_region)])
        number = _number(text.removeprefix("#"))
        return found if number is None else found | Q(amocrm_deal_id=number)

    def _people(self) -> Q:
        found = Q()
        if self.given("targetologist"):
            found &= Q(targetologist=_number(self.given("targetologist")))
        if self.given("referrer") == NONE:
            found &= ~Q(conversion__status__in=BY_CODE, conversion__referrer__isnull=False)
        elif self.given("referrer"):
            found &= Q(conversion__status__in=BY_CODE, conversion__referrer=_number(self.given("referrer")))
        return found

    def _of_row(self, rows: QuerySet[Sale]) -> QuerySet[Sale]:
        """Those that the report counts in the row from which somebody came."""
        if self.given("creative"):
            rows = rows.filter(lead__creative=_number(self.given("creative")))
        if self.given("direction"):
            direction = _number(self.given("direction"))
            rows = rows.annotate(of_direction=own_or_creatives("lead__"))
            rows = rows.filter(of_direction=direction) if direction else rows.filter(of_direction=None)
        if self.given("campaign"):
            wanted = "" if self.given("campaign") == NONE else campaign_key(self.given("campaign"))
            # Databases know case of Latin letters only; of the spellings there are few.
            spellings = rows.order_by().values_list("utm_campaign", flat=True).distinct()
            rows = rows.filter(utm_campaign__in=[text for text in spellings if campaign_key(text) == wanted])
        return rows

    # --- What is shown of it ---

    def narrowings(self) -> list[Narrowing]:
        found = []
        for name in ("creative", "direction", "campaign"):
            if value := self.given(name):
                by = GroupBy(name)
                rest = [(key, values) for key, values in self.query.lists() if key not in (name, "page")]
                address = f"{reverse('page-sales')}?{urlencode(rest, doseq=True)}"
                found.append(Narrowing(ONE_OF[by], self._name_of(by, value), address))
        return found

    def _name_of(self, by: GroupBy, value: str) -> Text:
        if value == NONE:
            return OF_NONE[by]
        if by is GroupBy.CAMPAIGN:
            return value
        model: type[Creative | Direction] = Creative if by is GroupBy.CREATIVE else Direction
        return str(model.objects.filter(user_account=self.account, pk=int(value)).first() or value)


def paid_of(sales: QuerySet[Sale]) -> list[Paid]:
    """The sums of the paid ones, by currency."""
    rows = sales.filter(status=SaleStatus.PAID).order_by().values("currency")
    return [Paid(**row) for row in rows.annotate(sales=Count("pk"), amount=Sum("amount")).order_by("currency")]


def _number(text: str) -> int | None:
    """The text as an id, if it can be one."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
    return number if number is not None and number <= MAX_ID else None
