"""What every figure of every report means, in words, and nowhere else: the hints on the pages, the API's description
and docs/definitions.md (written by `manage.py definitions`) are made of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from analytics.reports.spans import Basis, GroupBy

Text = str | Promise


class Kind(Enum):
    COUNT = "count"
    MONEY = "money"
    COST = "cost"
    PERCENT = "percent"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Definition:
    """`name`: as the API has it. `kind`: how ROI's tables write it. `none`: why there is no value, apart from missing
    exchange rates.
    """

    name: str
    label: Text
    meaning: Text
    kind: Kind = Kind.COUNT
    none: Text = ""


ROI_FIGURES = (
    Definition("leads", _("Leads"), _("Leads that came on these days, without deleted ones."), Kind.COUNT),
    Definition(
        "qualified_leads",
        pgettext_lazy("heading", "Qualified"),
        _("Of these leads those that have at some time stood in a stage marked as qualified, or were won."),
        Kind.COUNT,
    ),
    Definition("sales", _("Sales"), _("Paid sales, by the day of the sale or of its lead, as chosen."), Kind.COUNT),
    Definition("revenue", _("Revenue"), _("What these sales brought."), Kind.MONEY),
    Definition("spend", _("Spend"), _("What advertising cost on these days."), Kind.MONEY),
    Definition("profit", _("Profit"), _("Revenue − spend."), Kind.MONEY),
    Definition("roi", "ROI", _("Return on investment: profit ÷ spend × 100."), Kind.PERCENT, _("nothing was spent")),
    Definition("roas", "ROAS", _("Return on ad spend: revenue ÷ spend."), Kind.RATIO, _("nothing was spent")),
    Definition("cpl", "CPL", _("Cost per lead: spend ÷ leads."), Kind.COST, _("no lead came")),
    Definition(
        "cpql", "CPQL", _("Cost per qualified lead: spend ÷ qualified leads."), Kind.COST, _("none is qualified")
    ),
    Definition("cac", "CAC", _("Customer acquisition cost: spend ÷ sales."), Kind.COST, _("nothing was sold")),
)

QUALIFICATION_FIGURES = (
    *ROI_FIGURES[:2],
    Definition(
        "qualification_rate",
        _("Qualified, %"),
        _("Qualified leads in percent of all leads; 0 where no lead came."),
    ),
    Definition("conversions", _("Have bought"), _("Of these leads those with a paid sale, whenever it was.")),
    Definition(
        "conversion_rate",
        _("Have bought, %"),
        _("Leads with a paid sale in percent of the qualified ones; 0 where none is qualified."),
    ),
)
FUNNEL_FIGURES = (
    Definition("reached", _("Reached"), _("Leads that have stood in this stage or in a later one, or were won.")),
    Definition(
        "conversion",
        _("Step"),
        _("Reached, in percent of the stage before; of the first stage 100, or 0 where no lead came."),
    ),
    Definition("now", _("Now"), _("Leads that stand in this stage now.")),
    Definition(
        "median_seconds",
        _("Median time"),
        _(
            "Half of the stays in the stage that have ended were no longer than this. Kept in whole seconds; of a day "
            "with very many stays to within one percent."
        ),
        none=_("nobody has left this stage yet"),
    ),
    Definition("won", _("Won"), _("Leads of these days that are won now.")),
    Definition("lost", _("Lost"), _("Leads of these days that are lost now.")),
)
AS_OF_FIGURES = (
    Definition(
        "then",
        _("Then"),
        _(
            "What the report showed of these days once the day chosen had ended. It is written down each night; where "
            "a night is missing, the last one before it counts."
        ),
    ),
    Definition("now", _("Now"), _("What the report shows of the same days at this moment.")),
    Definition("change", _("Difference"), _("Now − then: what was learnt since.")),
)

NO_RATE = _("an exchange rate is missing")

TABS: dict[GroupBy, Text] = {
    GroupBy.CREATIVE: _("Creatives"),
    GroupBy.DIRECTION: _("Directions"),
    GroupBy.CAMPAIGN: _("Campaigns"),
    GroupBy.TARGETOLOGIST: _("Targetologists"),
    GroupBy.REFERRER: _("Referrals"),
}
ONE_OF: dict[GroupBy, Text] = {
    GroupBy.CREATIVE: _("Creative"),
    GroupBy.DIRECTION: _("Direction"),
    GroupBy.CAMPAIGN: _("Campaign"),
    GroupBy.TARGETOLOGIST: _("Targetologist"),
    GroupBy.REFERRER: _("Referrer"),
}
OF_NONE: dict[GroupBy, Text] = {
    GroupBy.CREATIVE: _("No creative"),
    GroupBy.DIRECTION: _("No direction"),
    GroupBy.CAMPAIGN: _("No campaign"),
    GroupBy.TARGETOLOGIST: _("No targetologist"),
    GroupBy.REFERRER: _("No referrer"),
}
# Where a row's figures come from: nobody should have to guess why a sum stands under “none”.
BELONGS: dict[GroupBy, Text] = {
    GroupBy.CREATIVE: _("A lead and its sales belong to the creative that it responded to."),
    GroupBy.DIRECTION: _(
        "A lead belongs to its own direction, else to its creative's. So does spend: that on a creative counts for the "
        "creative's direction too."
    ),
    GroupBy.CAMPAIGN: _("By utm_campaign, in any case. Spend counts where it was entered for the campaign itself."),
    GroupBy.TARGETOLOGIST: _(
        "Leads are told apart by the patterns in their UTM, sales by whom they are credited to. Spend counts where it "
        "was entered for the targetologist."
    ),
    GroupBy.REFERRER: _("Leads and sales that came by a referral code. Nothing is spent on them but the commission."),
}

BASIS_LABELS: dict[Basis, Text] = {Basis.SALE: _("day of the sale"), Basis.COHORT: _("day of the lead")}
BASIS_MEANINGS: dict[Basis, Text] = {
    Basis.SALE: _("Sales made on these days, whenever their leads came."),
    Basis.COHORT: _("Sales to the leads of these days, whenever they were made."),
}
