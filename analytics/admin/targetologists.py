"""Targetologists and the patterns by which a deal is known to be theirs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from analytics.earning.patterns import Overlap, overlaps
from analytics.models import Targetologist
from analytics.models.targetologists import after_all_others
from analytics.routing import buyers_of
from leads.admin.base import AccountForm
from leads.admin.deleting import CreditedAdmin
from leads.admin.filters import AccountFilter
from leads.admin.looks import badge, link

MAX_PATTERNS = 200
MAX_PATTERN_LENGTH = 200


class PatternsField(forms.CharField):
    """A list of substrings, one per line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        typed = str(super().to_python(value) or "")
        # Each once, in the order in which they were written: the first hit wins.
        patterns = list(dict.fromkeys(line.strip() for line in typed.splitlines() if line.strip()))
        if len(patterns) > MAX_PATTERNS or any(len(pattern) > MAX_PATTERN_LENGTH for pattern in patterns):
            raise ValidationError(
                _("At most %(n)s patterns of %(length)s characters."),
                params={"n": MAX_PATTERNS, "length": MAX_PATTERN_LENGTH},
            )
        return patterns

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial)) != "\n".join(str(data or "").splitlines())


class TargetologistForm(AccountForm):
    patterns = PatternsField(
        label=_("UTM patterns"),
        required=False,
        help_text=_(
            "One per line. Substrings, any case, searched in utm_campaign and then in utm_source; targetologists are "
            "tried in their order, and the first hit wins."
        ),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "position" in self.fields:
            self.fields["position"].required = False
            self.fields["position"].help_text = _(
                "Patterns are tried from the lowest order up; the first hit wins. Empty: after all others."
            )
            if not self.instance.pk:
                self.initial["position"] = None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if self.account is not None and "position" in cleaned and cleaned["position"] is None:
            cleaned["position"] = after_all_others(self.account)
        return cleaned


@admin.register(Targetologist)
class TargetologistAdmin(CreditedAdmin[Targetologist]):
    form = TargetologistForm
    list_display = ("__str__", "shown_patterns", "telegram_chat_id", "position", "page", "user_account")
    list_select_related = ("user_account",)
    list_filter = (AccountFilter,)
    search_fields = ("name",)
    ordering = ("user_account", "position", "id")
    fields = ("user_account", "name", "emoji", "patterns", "telegram_chat_id", "position")

    def save_row(self, request: HttpRequest, obj: Targetologist, form: Any, change: bool) -> None:
        super().save_row(request, obj, form, change)
        for overlap in overlaps(buyers_of(obj.user_account)):
            self.message_user(request, _in_words(overlap), messages.WARNING)

    def prepare_page(self, request: HttpRequest, rows: list[Targetologist]) -> None:
        accounts = {row.user_account_id: row.user_account for row in rows}
        found = {key: overlaps(buyers_of(account)) for key, account in accounts.items()}
        for row in rows:
            row.overlaps = [one for one in found[row.user_account_id] if one.later == str(row)]  # type: ignore[attr-defined]

    @display(description=_("sales"))
    def page(self, targetologist: Targetologist) -> SafeString:
        address = reverse("page-targetologist", args=[targetologist.pk])
        return link(f"{address}?userAccountId={targetologist.user_account_id}", _("their page"))

    @display(description=_("UTM patterns"))
    def shown_patterns(self, targetologist: Targetologist) -> SafeString:
        patterns = [str(pattern) for pattern in targetologist.patterns]
        shown = ", ".join(patterns[:8]) + (" …" if len(patterns) > 8 else "")
        hidden: list[Overlap] = getattr(targetologist, "overlaps", [])
        if not hidden:
            return format_html("{}", shown)
        names = ", ".join(overlap.pattern for overlap in hidden[:8])
        warning = badge(_("never reached: %s") % names, "warn", "\n".join(map(_in_words, hidden[:8])))
        return format_html("{} {}", shown, warning)


def _in_words(overlap: Overlap) -> str:
    text = _("“%(pattern)s” of %(later)s is never reached: “%(part)s” of %(earlier)s is found first.")
    return text % {
        "pattern": overlap.pattern,
        "later": overlap.later,
        "part": overlap.earlier_pattern,
        "earlier": overlap.earlier,
    }
