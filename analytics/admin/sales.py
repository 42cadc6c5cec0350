"""Sales: what was sold, why it is credited to whom, and purchases entered by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, MultipleChoicesDropdownFilter
from unfold.decorators import action, display

from analytics.admin import cells
from analytics.admin.assigning import assign_view, pattern_view
from analytics.admin.filters import DeskFilter, TargetologistFilter
from analytics.admin.money_form import MoneyForm
from analytics.admin.selecting import to_page
from analytics.earning.purchases import purchase_save
from analytics.models import Sale, UnknownSale
from leads.admin.base import AccountScopedAdmin
from leads.admin.days import DaysFilter
from leads.admin.filters import AccountFilter
from leads.admin.looks import EMPTY, lines, minute, pairs
from leads.admin.searching import people_and_deals
from leads.days import validate_moment
from leads.news import UTM_COLUMNS
from leads.told import retold

_PURCHASE = (
    *("user_account", "lead", ("client_name", "client_phone"), ("amount", "currency")),
    *("status", "sold_at", "product", "targetologist", "external_id"),
)


class PurchaseForm(MoneyForm):
    """A purchase by hand."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for column in UTM_COLUMNS:
            if column in self.fields:
                self.fields[column].label = column  # as in addresses, in any language
        if "sold_at" in self.fields:
            self.fields["sold_at"].validators.append(validate_moment)
            if not self.instance.pk:
                self.fields["sold_at"].initial = timezone.now()
                self.initial["amount"] = None  # a form sent untouched is a slip, and no sale of nothing

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("external_id"):
            cleaned["external_id"] = None
        return cleaned


@admin.register(Sale)
class SaleAdmin(AccountScopedAdmin[Sale]):
    form = PurchaseForm
    delete_role = None  # a purchase that was a mistake is cancelled: the ledger remembers it
    list_display: Any = (
        *("client", "money", "status_badge", "credited", "routing", "shown_product"),
        *("user_account", "sold"),
    )
    list_display_links = ("client",)
    list_select_related: Any = ("user_account", "targetologist", "conversion__referrer")
    list_filter: Any = (
        AccountFilter,
        ("status", ChoicesDropdownFilter),
        ("routing_decision", MultipleChoicesDropdownFilter),
        TargetologistFilter,
        DeskFilter,
        ("sold_at", DaysFilter),
    )
    search_fields = ("client_name",)
    search_help_text = _("A phone in any spelling, a deal's id, or the beginning of a name")
    sortable_by = ()
    ordering = ("-sold_at", "-id")
    autocomplete_fields = ("lead",)
    actions: Any = ("assign", "add_pattern")
    actions_detail: Any = ("assign_one",)
    readonly_fields: Any = (
        "money",
        "status_badge",
        "earners",
        "routing",
        "why",
        "told_by",
        "utm",
        "sold",
        "shown_product",
    )
    fieldsets: Any = (
        (None, {"fields": ("user_account", "client", "money", "status_badge", "sold", "shown_product", "told_by")}),
        (_("Credit"), {"fields": ("earners", "routing", "why", "utm")}),
    )
    purchase_fieldsets: Any = (
        (None, {"fields": _PURCHASE}),
        (
            _("UTM"),
            {"fields": UTM_COLUMNS, "description": _("By these the targetologist and the referrer are found.")},
        ),
    )

    # --- Who may do what ---

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A deal's sale follows its deal; only purchases by hand are edited."""
        if obj is not None and not isinstance(obj, Sale):
            obj = self.model._default_manager.filter(pk=obj).first()
        return super().has_change_permission(request, obj) and (obj is None or obj.is_manual)

    # --- Forms ---

    def fieldsets_for(self, request: HttpRequest, obj: Any) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.purchase_fieldsets
        return super().fieldsets_for(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), "client"]

    def save_row(self, request: HttpRequest, obj: Sale, form: Any, change: bool) -> None:
        purchase_save(obj, form.changed_data)

    # --- The list ---

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Sale], search_term: str
    ) -> tuple[QuerySet[Sale], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = people_and_deals(request, term, name="client_name", phone="client_phone", deal="amocrm_deal_id")
        return queryset.filter(found), False

    @display(description=_("client"))
    def client(self, sale: Sale) -> SafeString:
        return lines(sale.client_name or sale.client_phone or f"#{sale.pk}", sale.client_phone)

    @display(description=_("amount"))
    def money(self, sale: Sale) -> SafeString:
        return cells.amount_cell(sale.amount, sale.currency)

    @display(description=_("status"))
    def status_badge(self, sale: Sale) -> SafeString:
        return cells.status_badge(sale)

    @display(description=_("credited to"))
    def credited(self, sale: Sale) -> SafeString:
        earners = [str(earner) for earner in (sale.targetologist, cells.referrer_text(sale)) if earner]
        return lines(*earners[:2]) if earners else SafeString(EMPTY)

    @display(description=_("routing"))
    def routing(self, sale: Sale) -> SafeString:
        return cells.routing_badge(sale.routing_decision, sale.routing_reason)

    @display(description=_("product"))
    def shown_product(self, sale: Sale) -> SafeString:
        deal = _("by hand") if sale.is_manual else _("deal %s") % sale.amocrm_deal_id
        return lines(sale.product or EMPTY, deal)

    @display(description=_("sold"))
    def sold(self, sale: Sale) -> str:
        return minute(sale.sold_at, sale.user_account)

    # --- One sale ---

    @display(description=_("why"))
    def why(self, sale: Sale) -> SafeString:
        return format_html('<span class="v-wrap">{}</span>', retold(sale.routing_reason) or EMPTY)

    @display(description=_("comes from"))
    def told_by(self, sale: Sale) -> SafeString:
        lead = cells.row_link(sale.lead, _("lead"))
        if sale.amocrm_deal_id is None:
            return lead
        return format_html("{} · {}", lead, cells.deliveries_link(sale.amocrm_deal_id, _("deliveries of the deal")))

    @display(description=_("what each earns"))
    def earners(self, sale: Sale) -> SafeString:
        return cells.earners_cell(sale)

    @display(description="UTM")
    def utm(self, sale: Sale) -> SafeString:
        return pairs([(column, getattr(sale, column)) for column in UTM_COLUMNS], retold(sale.utm_place))

    # --- Assigning ---

    @admin.action(description=_("Assign to a targetologist…"), permissions=["staff"])
    def assign(self, request: HttpRequest, queryset: QuerySet[Sale]) -> HttpResponseRedirect:
        return self._go(request, queryset, "assign")

    @admin.action(description=_("Add a pattern…"), permissions=["staff"])
    def add_pattern(self, request: HttpRequest, queryset: QuerySet[Sale]) -> HttpResponseRedirect:
        return self._go(request, queryset, "pattern")

    @action(description=_("Assign"), icon="person_add", permissions=["staff"], url_path="assign-one")
    def assign_one(self, request: HttpRequest, object_id: str) -> HttpResponseRedirect:
        return to_page("admin:analytics_sale_assign", [object_id])

    def _go(self, request: HttpRequest, rows: QuerySet[Sale], view: str) -> HttpResponseRedirect:
        return to_page(f"admin:analytics_sale_{view}", self.writable(request, rows).values_list("pk", flat=True))

    def get_urls(self) -> list[URLPattern]:
        if self.model is UnknownSale:
            return list(super().get_urls())
        views = [
            path("assign/", self.admin_site.admin_view(self._assign_view), name="analytics_sale_assign"),
            path("pattern/", self.admin_site.admin_view(self._pattern_view), name="analytics_sale_pattern"),
        ]
        return [*views, *super().get_urls()]

    def _assign_view(self, request: HttpRequest) -> Any:
        return assign_view(self, request)

    def _pattern_view(self, request: HttpRequest) -> Any:
        return pattern_view(self, request)
