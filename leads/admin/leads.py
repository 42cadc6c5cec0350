"""Leads: what is true now of each ad response and deal, how it was matched, and the stages it went through."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display

from leads import amounts
from leads.admin import looks
from leads.admin.base import AccountScopedAdmin
from leads.admin.filters import AccountFilter, CreativeFilter, DirectionFilter, StageFilter
from leads.admin.looks import EMPTY, badge, lines, link, pairs
from leads.admin.searching import people_and_deals
from leads.admin.stage_names import NamesStages, stages_of
from leads.admin.timeline import timeline
from leads.deals.apply import lock_account
from leads.deals.facts import utm_place
from leads.models import Lead, MatchMethod
from leads.news import UTM_COLUMNS
from leads.phones import display_phone
from leads.told import retold

MATCH_BADGES = {
    MatchMethod.DEAL_ID: "good",
    MatchMethod.PHONE: "good",
    MatchMethod.REPEAT: "primary",
    MatchMethod.CREATED: "warn",
    MatchMethod.MANUAL: "info",
}
_RESPONSE = (
    *(("phone", "phone_e164"), ("source", "chat_id"), ("external_id", "push_state")),
    *("shown_own_utm", "created_at"),
)
_MATCH = (("match_badge", "matched_at"), "how_matched", "origin_lead")
_DEAL = (
    *(("deal", "deal_name"), ("pipeline", "stage"), ("money", "is_qualified"), "utm"),
    *(("amocrm_contact_id", "phones"), ("amocrm_created_at", "amocrm_closed_at"), ("amocrm_updated_at", "is_deleted")),
)


@admin.register(Lead)
class LeadAdmin(NamesStages, AccountScopedAdmin[Lead]):
    add_role = None
    delete_role = None  # a lead goes when its deal does
    list_display: Any = (
        *("who", "came_from", "stage", "is_qualified", "money", "match_badge", "deal"),
        *("user_account", "day"),
    )
    list_filter = (
        AccountFilter,
        StageFilter,
        ("source", ChoicesDropdownFilter),
        ("match_method", ChoicesDropdownFilter),
        DirectionFilter,
        CreativeFilter,
        ("is_qualified", BooleanRadioFilter),
        ("is_deleted", BooleanRadioFilter),
    )
    search_fields = ("name",)
    search_help_text = _("A phone in any spelling, a deal's id, or the beginning of a name")
    autocomplete_fields = ("creative", "direction")
    readonly_fields: Any = (*flatten([*_RESPONSE, *_MATCH, *_DEAL]), "history")
    fieldsets: Any = (
        (None, {"fields": ("user_account", "name", "creative", "direction", "history")}),
        (_("Response"), {"fields": _RESPONSE, "description": _("What the ad response brought.")}),
        (_("Match"), {"fields": _MATCH, "description": _("How the deal found this row.")}),
        (_("Deal"), {"fields": _DEAL, "description": _("What amoCRM says now. It is changed there.")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lead]:
        return super().get_queryset(request).select_related("user_account", "creative", "direction")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Lead], search_term: str
    ) -> tuple[QuerySet[Lead], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = people_and_deals(request, term, name="name", phone="phone_e164", deal="amocrm_lead_id")
        return queryset.filter(found), False

    def save_row(self, request: HttpRequest, obj: Lead, form: Any, change: bool) -> None:
        lock_account(obj.user_account)  # a drain may be writing this very row
        if "creative" in form.changed_data and obj.creative and obj.creative.direction and not obj.direction:
            obj.direction = obj.creative.direction
            form.changed_data.append("direction")
        super().save_row(request, obj, form, change)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.ModelChoiceField):
            # Creatives and directions are made on their own pages.
            for name in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
                setattr(field.widget, name, False)
        return field

    # --- Cells ---

    @display(description=_("lead"), ordering="name")
    def who(self, lead: Lead) -> SafeString:
        phone = display_phone(lead.phone_e164) if lead.phone_e164 else lead.phone or lead.chat_id
        return lines(lead.name or phone or f"#{lead.pk}", phone if lead.name else "")

    @display(description=_("source"), ordering="source")
    def came_from(self, lead: Lead) -> SafeString:
        return lines(lead.creative or lead.direction or lead.get_source_display(), lead.utm_campaign or lead.utm_source)

    @display(description=_("stage"), ordering="current_status_id")
    def stage(self, lead: Lead) -> SafeString:
        shown = stages_of(lead).show(lead.user_account_id, lead.current_pipeline_id, lead.current_status_id)
        return format_html("{} {}", shown, badge(_("deleted"), "bad")) if lead.is_deleted else shown

    @display(description=_("pipeline"))
    def pipeline(self, lead: Lead) -> str:
        return stages_of(lead).pipeline(lead.user_account_id, lead.current_pipeline_id) or EMPTY

    @display(description=_("price"), ordering="price")
    def money(self, lead: Lead) -> str:
        if lead.price is None:
            return EMPTY
        return amounts.money(lead.price, lead.user_account.price_currency)

    @display(description=_("matched"), ordering="match_method")
    def match_badge(self, lead: Lead) -> SafeString:
        kind = MATCH_BADGES.get(MatchMethod(lead.match_method), "") if lead.match_method else ""
        return badge(
            lead.get_match_method_display() if lead.match_method else "", kind, retold(lead.match_detail)[:300]
        )

    @display(description=_("how it was matched"))
    def how_matched(self, lead: Lead) -> str:
        return retold(lead.match_detail) or EMPTY

    @display(description=_("amoCRM deal"), ordering="amocrm_lead_id")
    def deal(self, lead: Lead) -> SafeString:
        if not lead.amocrm_lead_id:
            return SafeString(EMPTY)
        return link(self.deal_address(lead), str(lead.amocrm_lead_id), outside=True)

    def deal_address(self, lead: Lead) -> str | None:
        """The deal's page in amoCRM. The layer that knows the host overrides this."""
        return None

    @display(description=_("day"), ordering="lead_at")
    def day(self, lead: Lead) -> str:
        return looks.day(lead.lead_at, lead.user_account)

    @display(description="UTM")
    def utm(self, lead: Lead) -> SafeString:
        return pairs([(key, getattr(lead, key)) for key in UTM_COLUMNS], retold(utm_place(lead)))

    @display(description=_("UTM of the response"))
    def shown_own_utm(self, lead: Lead) -> SafeString:
        return pairs([(str(key), value) for key, value in (lead.own_utm or {}).items()])

    @display(description=_("phones of the contact"))
    def phones(self, lead: Lead) -> str:
        return ", ".join(str(phone) for phone in lead.contact_phones or ()) or EMPTY

    @display(description=_("stages gone through"))
    def history(self, lead: Lead) -> SafeString:
        return timeline(lead)
