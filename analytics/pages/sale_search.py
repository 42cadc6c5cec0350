"""Finding sales: the filters of the sales page, all kept in its address."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django import forms
from django.db.models import Count, Q, QuerySet, Sum
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from analytics.earning.queue import unknown
from analytics.models import Referrer, Routing, Sale, SaleStatus, Targetologist
from analytics.pages.long_select import LongSelect
from analytics.pages.narrowers import SALE_NARROWERS
from analytics.reports.spans import Basis, GroupBy
from leads.api.filters import any_case
from leads.days import within_days
from leads.ids import id_in
from leads.models import UserAccount
from leads.pages.days_form import DaysForm
from leads.pages.narrowing import NONE, Narrowing, Text
from leads.pages.sorting import Sorting
from leads.phones import phones_in

ANY = ""
QUEUE = "queue"
SORTING = Sorting({"sold": "sold_at", "client": "client_name", "amount": "amount"}, default="-sold")
# A report's row leads here with what it is a row of. These are chosen in the form; the others have no field.
PEOPLE = (GroupBy.TARGETOLOGIST, GroupBy.REFERRER)
CHIPS = {name: narrower for name, narrower in SALE_NARROWERS.items() if name not in PEOPLE}


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
    referrer = forms.ChoiceField(label=_("Referrer"), required=False, widget=LongSelect)
    order = forms.CharField(required=False, widget=forms.HiddenInput)
    basis = forms.ChoiceField(required=False, widget=forms.HiddenInput, choices=[(ANY, ""), *Basis.choices])

    def __init__(self, data: QueryDict, account: UserAccount) -> None:
        super().__init__(data)
        self.account = account
        self.narrowing = Narrowing(data, account, CHIPS)
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
        return bool(self.narrowing) or any(value for name, value in self.cleaned_data.items() if name != "order")

    @property
    def order_name(self) -> str:
        return SORTING.known(self.given("order"))

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """What the form passes on."""
        own = [(name, self.given(name)) for name in ("basis", "order") if self.given(name)]
        return [*self.narrowing.given.items(), *own]

    def sales(self) -> QuerySet[Sale]:
        """The account's sales that are asked for, in the order asked for."""
        rows = Sale.objects.filter(self._text(), user_account=self.account)
        if self.is_cohort:
            rows = rows.filter(lead__is_deleted=False)
        column = "lead__lead_at" if self.is_cohort else "sold_at"
        rows = within_days(rows, column, self.account, self.cleaned_data.get("since"), self.cleaned_data.get("until"))
        if self.given("status"):
            rows = rows.filter(status=self.given("status"))
        if self.given("credit") == QUEUE:
            rows = unknown(rows)
        elif self.given("credit"):
            rows = rows.filter(routing_decision=self.given("credit"))
        for by in PEOPLE:
            if self.given(by):
                rows = SALE_NARROWERS[by].rows(rows, self.account, self.given(by))
        return SORTING.sort(self.narrowing.of(rows), self.order_name)

    def _text(self) -> Q:
        text = self.given("q").strip()
        if not text:
            return Q()
        found = any_case("client_name", text) | Q(client_phone__icontains=text)
        found |= Q(client_phone__in=[phone.e164 for phone in phones_in(text, self.account.phone_region)])
        number = id_in(text.removeprefix("#"))
        return found if number is None else found | Q(amocrm_deal_id=number)


def paid_of(sales: QuerySet[Sale]) -> list[Paid]:
    """The sums of the paid ones, by currency."""
    rows = sales.filter(status=SaleStatus.PAID).order_by().values("currency")
    return [Paid(**row) for row in rows.annotate(sales=Count("pk"), amount=Sum("amount")).order_by("currency")]
