"""The shapes of reports in JSON, for the OpenAPI schema, and how figures are written in them.

Money is a decimal string; counts and rates are numbers, rates with two digits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from analytics.reports.figures import Figures, missing_rates
from analytics.reports.qualification import Qualification
from analytics.reports.spans import Basis, GroupBy

COUNTS = ("leads", "qualified_leads", "sales")
MONEY = ("revenue", "spend", "profit")
RATES = ("roi", "roas")
COSTS = ("cpl", "cpql", "cac")
FIGURES = (*COUNTS, *MONEY, *RATES, *COSTS)


def money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def rate(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def roi_figures(figures: Figures, currency: str) -> dict[str, Any]:
    """A row's figures, and which exchange rates they lack."""
    values: dict[str, Any] = {name: getattr(figures, name) for name in COUNTS}
    values |= {name: money(getattr(figures, name)) for name in (*MONEY, *COSTS)}
    values |= {name: rate(getattr(figures, name)) for name in RATES}
    lacks = [
        {"currency": gap.currency, "from": gap.first.isoformat(), "to": gap.last.isoformat(), "days": gap.days}
        for gap in missing_rates(figures)
    ]
    return {name: values[name] for name in FIGURES} | {"currency": currency, "missing_rates": lacks}


def qualification_figures(figures: Qualification) -> dict[str, Any]:
    return {
        "leads": figures.leads,
        "qualified_leads": figures.qualified_leads,
        "qualification_rate": rate(figures.qualification_rate),
        "conversions": figures.conversions,
        "conversion_rate": rate(figures.conversion_rate),
    }


# --- For the schema ---


def _money_field(help_text: Any, *, allow_null: bool = False) -> serializers.DecimalField:
    return serializers.DecimalField(20, 2, help_text=help_text, allow_null=allow_null)


class MissingRatesSerializer(serializers.Serializer[Any]):
    """Money in this currency lacks an exchange rate on `days` days, and is in no figure."""

    currency = serializers.CharField()
    to = serializers.DateField()
    days = serializers.IntegerField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `from` is a word of Python.
        return {"from": serializers.DateField(), **super().get_fields()}


class RoiFiguresSerializer(serializers.Serializer[Any]):
    leads = serializers.IntegerField(help_text=_("By their day, without deleted ones."))
    qualified_leads = serializers.IntegerField()
    sales = serializers.IntegerField(help_text=_("Paid ones, by the day that `basis` says."))
    revenue = _money_field(_("Of those sales."))
    spend = _money_field(_("By its day."))
    profit = _money_field(_("Revenue − spend."), allow_null=True)
    roi = serializers.FloatField(allow_null=True, help_text=_("Profit / spend × 100; null without spend."))
    roas = serializers.FloatField(allow_null=True, help_text=_("Revenue / spend; null without spend."))
    cpl = _money_field(_("Spend per lead; null without leads."), allow_null=True)
    cpql = _money_field(_("Spend per qualified lead; null without any."), allow_null=True)
    cac = _money_field(_("Spend per sale; null without sales."), allow_null=True)
    currency = serializers.CharField(help_text=_("The account's, of all money here."))
    missing_rates = MissingRatesSerializer(
        many=True,
        help_text=_("Foreign money without an exchange rate. It is in no sum, and what follows from those is null."),
    )


class RoiRowSerializer(RoiFiguresSerializer):
    key = serializers.JSONField(help_text=_("Our id, for a campaign its name; null for what belongs to none."))
    name = serializers.CharField()


class RoiSerializer(serializers.Serializer[Any]):
    group_by = serializers.ChoiceField(GroupBy.choices)
    basis = serializers.ChoiceField(Basis.choices)
    currency = serializers.CharField()
    rows = RoiRowSerializer(many=True)
    totals = RoiFiguresSerializer()
    missing_rates = MissingRatesSerializer(many=True)


class QualificationFiguresSerializer(serializers.Serializer[Any]):
    leads = serializers.IntegerField(help_text=_("By their day, without deleted ones."))
    qualified_leads = serializers.IntegerField()
    qualification_rate = serializers.FloatField(help_text=_("Qualified / leads × 100; 0 of nothing."))
    conversions = serializers.IntegerField(help_text=_("Leads with a paid sale."))
    conversion_rate = serializers.FloatField(help_text=_("Conversions / qualified × 100; 0 of nothing."))


class CreativeQualificationSerializer(QualificationFiguresSerializer):
    creative_id = serializers.IntegerField(allow_null=True)
    creative_name = serializers.CharField()


class QualificationSerializer(QualificationFiguresSerializer):
    creatives = CreativeQualificationSerializer(many=True)


class FunnelStageSerializer(serializers.Serializer[Any]):
    status_id = serializers.IntegerField()
    name = serializers.CharField()
    color = serializers.CharField()
    reached = serializers.IntegerField(help_text=_("Stood in it or in a later stage, or was won."))
    now = serializers.IntegerField(help_text=_("Stands in it now."))
    conversion = serializers.FloatField(help_text=_("Reached / reached of the stage before × 100; of the first 100."))
    median_seconds = serializers.IntegerField(
        allow_null=True, help_text=_("Of the stays in it that have ended; null without any.")
    )


class FunnelSerializer(serializers.Serializer[Any]):
    pipeline_id = serializers.IntegerField(allow_null=True)
    pipeline_name = serializers.CharField()
    stages = FunnelStageSerializer(many=True)
    won = serializers.IntegerField()
    lost = serializers.IntegerField()
