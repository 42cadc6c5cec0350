"""The shapes of reports in JSON, for the OpenAPI schema, and how figures are written in them.

Money is a decimal string; counts and rates are numbers, rates with two digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from analytics.reports.definitions import FUNNEL_FIGURES, QUALIFICATION_FIGURES, ROI_FIGURES, Definition
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


def _said(definitions: Iterable[Definition]) -> dict[str, Any]:
    """What each figure means, by its name, as a field's `help_text`."""
    return {
        one.name: format_lazy("{} {}: {}.", one.meaning, _("Null"), one.none) if one.none else one.meaning
        for one in definitions
    }


_ROI, _QUALIFICATION, _FUNNEL = _said(ROI_FIGURES), _said(QUALIFICATION_FIGURES), _said(FUNNEL_FIGURES)


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
    leads = serializers.IntegerField(help_text=_ROI["leads"])
    qualified_leads = serializers.IntegerField(help_text=_ROI["qualified_leads"])
    sales = serializers.IntegerField(help_text=_ROI["sales"])
    revenue = _money_field(_ROI["revenue"])
    spend = _money_field(_ROI["spend"])
    profit = _money_field(_ROI["profit"], allow_null=True)
    roi = serializers.FloatField(allow_null=True, help_text=_ROI["roi"])
    roas = serializers.FloatField(allow_null=True, help_text=_ROI["roas"])
    cpl = _money_field(_ROI["cpl"], allow_null=True)
    cpql = _money_field(_ROI["cpql"], allow_null=True)
    cac = _money_field(_ROI["cac"], allow_null=True)
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
    leads = serializers.IntegerField(help_text=_QUALIFICATION["leads"])
    qualified_leads = serializers.IntegerField(help_text=_QUALIFICATION["qualified_leads"])
    qualification_rate = serializers.FloatField(help_text=_QUALIFICATION["qualification_rate"])
    conversions = serializers.IntegerField(help_text=_QUALIFICATION["conversions"])
    conversion_rate = serializers.FloatField(help_text=_QUALIFICATION["conversion_rate"])


class CreativeQualificationSerializer(QualificationFiguresSerializer):
    creative_id = serializers.IntegerField(allow_null=True)
    creative_name = serializers.CharField()


class QualificationSerializer(QualificationFiguresSerializer):
    creatives = CreativeQualificationSerializer(many=True)


class FunnelStageSerializer(serializers.Serializer[Any]):
    status_id = serializers.IntegerField()
    name = serializers.CharField()
    color = serializers.CharField()
    reached = serializers.IntegerField(help_text=_FUNNEL["reached"])
    now = serializers.IntegerField(help_text=_FUNNEL["now"])
    conversion = serializers.FloatField(help_text=_FUNNEL["conversion"])
    median_seconds = serializers.IntegerField(allow_null=True, help_text=_FUNNEL["median_seconds"])


class FunnelSerializer(serializers.Serializer[Any]):
    pipeline_id = serializers.IntegerField(allow_null=True)
    pipeline_name = serializers.CharField()
    stages = FunnelStageSerializer(many=True)
    won = serializers.IntegerField(help_text=_FUNNEL["won"])
    lost = serializers.IntegerField(help_text=_FUNNEL["lost"])
