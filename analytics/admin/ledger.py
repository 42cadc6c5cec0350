"""Conversions and the ledger of commissions: to be read; only `paid_at` is ever set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from analytics.admin import cells
from analytics.admin.filters import PaidFilter
from analytics.csv_cells import csv_response
from analytics.earning.ledger import earned
from analytics.earning.payout import pay_lines, take_back_payout
from analytics.models import ConversionStatus, EarningKind, ReferralConversion, ReferralEarning
from leads.admin.base import ReadOnlyAdmin
from leads.admin.days import DaysFilter
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, badge, lines, minute
from leads.amounts import money
from leads.models import UserAccount
from leads.told import retold

KIND_BADGES = {EarningKind.ACCRUAL: "good", EarningKind.ADJUSTMENT: "info", EarningKind.REVERSAL: "bad"}
MAX_ROWS = 50_000
_AMOUNT = re.compile(r"(\d+\.\d\d) ([A-Z]{3})$")


def _written(amount: re.Match[str]) -> str:
    """As all other money: what is stored is for programs."""
    return money(Decimal(amount[1]), amount[2])


@admin.register(ReferralConversion)
class ReferralConversionAdmin(ReadOnlyAdmin[ReferralConversion]):
    list_display = ("code", "shown_referrer", "shown_status", "shown_sale", "commission", "user_account", "created")
    list_select_related = ("user_account", "referrer", "sale")
    list_filter = (AccountFilter, ("status", ChoicesDropdownFilter), ("created_at", DaysFilter))
    search_fields = ("code",)
    sortable_by = ()
    ordering = ("-id",)
    readonly_fields = ("shown_referrer", "shown_status", "shown_sale", "commission", "created")
    fields = ("user_account", "code", "shown_referrer", "shown_status", "shown_sale", "commission_rate", "commission")

    @display(description=_("referrer"))
    def shown_referrer(self, conversion: ReferralConversion) -> SafeString:
        return cells.row_link(conversion.referrer)

    @display(description=_("status"))
    def shown_status(self, conversion: ReferralConversion) -> SafeString:
        status = ConversionStatus(conversion.status)
        return badge(status.label, cells.CONVERSION_BADGES[status])

    @display(description=_("sale"))
    def shown_sale(self, conversion: ReferralConversion) -> SafeString:
        return cells.row_link(conversion.sale)

    @display(description=_("commission"))
    def commission(self, conversion: ReferralConversion) -> SafeString:
        due = earned(conversion, conversion.sale)
        shown = [cells.amount_cell(amount, currency) for (_referrer, currency), amount in due.items()]
        return shown[0] if shown else SafeString(EMPTY)

    @display(description=_("created"))
    def created(self, conversion: ReferralConversion) -> str:
        return minute(conversion.created_at, conversion.user_account)


@admin.register(ReferralEarning)
class ReferralEarningAdmin(ReadOnlyAdmin[ReferralEarning]):
    list_display = (
        *("created", "shown_referrer", "shown_kind", "shown_amount", "why", "shown_sale"),
        *("user_account", "paid"),
    )
    list_display_links = ("created",)
    list_select_related = ("user_account", "referrer", "sale")
    list_filter = (AccountFilter, ("kind", ChoicesDropdownFilter), PaidFilter, ("created_at", DaysFilter))
    search_fields = ("referrer__code", "referrer__name")
    sortable_by = ()
    ordering = ("-id",)
    actions = ("mark_paid", "mark_unpaid", "as_csv")
    readonly_fields = ("created", "shown_referrer", "shown_kind", "shown_amount", "why", "shown_sale", "paid")
    fields = (
        *("user_account", "created", "shown_referrer", "shown_kind", "shown_amount", "commission_rate", "why"),
        *("shown_sale", "sequence", "paid"),
    )

    @display(description=_("created"))
    def created(self, line: ReferralEarning) -> SafeString:
        return lines(f"#{line.pk}", minute(line.created_at, line.user_account))

    @display(description=_("referrer"))
    def shown_referrer(self, line: ReferralEarning) -> SafeString:
        return cells.row_link(line.referrer)

    @display(description=_("kind"))
    def shown_kind(self, line: ReferralEarning) -> SafeString:
        kind = EarningKind(line.kind)
        return badge(kind.label, KIND_BADGES[kind])

    @display(description=_("amount"))
    def shown_amount(self, line: ReferralEarning) -> SafeString:
        return cells.amount_cell(line.amount, line.currency)

    @display(description=_("sale"))
    def shown_sale(self, line: ReferralEarning) -> SafeString:
        return cells.row_link(line.sale)

    @display(description=_("why"))
    def why(self, line: ReferralEarning) -> str:
        return _AMOUNT.sub(_written, retold(line.reason)) or EMPTY

    @display(description=_("paid out"))
    def paid(self, line: ReferralEarning) -> str:
        return minute(line.paid_at, line.user_account)

    @admin.action(description=_("Mark selected lines as paid out"), permissions=["staff"])
    def mark_paid(self, request: HttpRequest, queryset: QuerySet[ReferralEarning]) -> None:
        now = timezone.now()
        number = sum(pay_lines(account, ids, now) for account, ids in self._by_account(request, queryset))
        text = ngettext("%(n)d line is marked as paid out.", "%(n)d lines are marked as paid out.", number)
        self.message_user(request, text % {"n": number}, messages.SUCCESS if number else messages.WARNING)

    @admin.action(description=_("Mark selected lines as not paid out after all"), permissions=["staff"])
    def mark_unpaid(self, request: HttpRequest, queryset: QuerySet[ReferralEarning]) -> None:
        number = sum(take_back_payout(account, ids) for account, ids in self._by_account(request, queryset))
        text = ngettext("%(n)d line is owed again.", "%(n)d lines are owed again.", number)
        self.message_user(request, text % {"n": number}, messages.SUCCESS if number else messages.WARNING)

    def _by_account(
        self, request: HttpRequest, rows: QuerySet[ReferralEarning]
    ) -> Iterator[tuple[UserAccount, list[int]]]:
        """Of the chosen lines those that the visitor may pay."""
        ids: dict[Any, list[int]] = defaultdict(list)
        for account_id, pk in self.writable(request, rows).order_by().values_list("user_account_id", "pk"):
            ids[account_id].append(pk)
        for account_id, account in UserAccount.objects.in_bulk(list(ids)).items():
            yield account, ids[account_id]

    @admin.action(description=_("Download selected lines as CSV"))
    def as_csv(self, request: HttpRequest, queryset: QuerySet[ReferralEarning]) -> HttpResponse:
        header = (
            "id",
            "created_at",
            "code",
            "name",
            "kind",
            "amount",
            "currency",
            "reason",
            "amocrm_deal_id",
            "paid_at",
        )
        rows = (
            (
                *(line.pk, line.created_at.isoformat(), line.referrer.code, line.referrer.name, line.kind),
                *(line.amount, line.currency, retold(line.reason), line.sale.amocrm_deal_id),
                line.paid_at.isoformat() if line.paid_at else "",
            )
            for line in queryset.select_related("referrer", "sale")[:MAX_ROWS].iterator()
        )
        return csv_response(f"earnings-{timezone.now():%Y-%m-%d}", header, rows)
