"""The rows behind a figure: those that a report counts in one of its rows. Its GROUP BY, read backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import BigIntegerField, Case, F, Model, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from analytics.models import AdSpend, ConversionStatus, Referrer, Sale
from analytics.models.referrals import REFERRAL_PREFIX, code_key
from analytics.models.spend import campaign_key
from analytics.reports.funnel import later_stages
from analytics.reports.queries import Key, own_or_creatives
from analytics.reports.spans import GroupBy
from analytics.routing import buyers_of, route
from leads.models import Lead, UserAccount
from leads.news import Utm

M = TypeVar("M", bound=Model)


def leads_of(rows: QuerySet[Lead], account: UserAccount, by: GroupBy, key: Key) -> QuerySet[Lead]:
    """Those of the leads that stand in the row `key`; None: in that of none."""
    return _LEADS[by](rows, account, key)


def sales_of(rows: QuerySet[Sale], by: GroupBy, key: Key) -> QuerySet[Sale]:
    if by is GroupBy.REFERRER and key is not None:
        return rows.filter(_BY_CODE, Q(conversion__referrer=key))  # an index finds them, as none does by a CASE
    return _of_campaign(rows, "utm_campaign", key) if by is GroupBy.CAMPAIGN else _of_key(rows, _SALES[by], key)


def spend_of(rows: QuerySet[AdSpend], by: GroupBy, key: Key) -> QuerySet[AdSpend]:
    return _of_campaign(rows, "campaign", key) if by is GroupBy.CAMPAIGN else _of_key(rows, _SPEND[by], key)


def leads_that_reached(rows: QuerySet[Lead], account: UserAccount, pipeline_id: int, status_id: int) -> QuerySet[Lead]:
    """Those that the funnel counts as having reached the stage. None of a stage that the pipeline has not."""
    later = later_stages(account, pipeline_id, status_id)
    stood = Q(status_history__to_pipeline_id=pipeline_id, status_history__to_status_id__in=later)
    # As ids: a lead that stood in several of them is one lead.
    ever = rows.order_by().filter(stood).values("pk")
    return rows.filter(Q(pk__in=ever) | Q(current_pipeline_id=pipeline_id, current_status_id__in=later))


def _of_key(rows: QuerySet[M], expression: str | Combinable, key: Key) -> QuerySet[M]:
    named: QuerySet[Any] = rows.annotate(of_row=F(expression) if isinstance(expression, str) else expression)
    return named.filter(of_row__isnull=True) if key is None else named.filter(of_row=key)


def _of_campaign(rows: QuerySet[M], column: str, key: Key) -> QuerySet[M]:
    # Databases know case of Latin letters only; of the spellings there are few.
    wanted = "" if key is None else campaign_key(str(key))
    return rows.filter(**{f"{column}__in": [text for text in _texts(rows, column) if campaign_key(text) == wanted]})


def _of_targetologist(rows: QuerySet[Lead], account: UserAccount, key: Key) -> QuerySet[Lead]:
    """As the routing goes: where a pattern is in the campaign, that decides, and else the source."""
    buyers = buyers_of(account)
    campaigns = {text: route(Utm(campaign=text), buyers).targetologist_id for text in _texts(rows, "utm_campaign")}
    sources = {text: route(Utm(source=text), buyers).targetologist_id for text in _texts(rows, "utm_source")}
    by_campaign = Q(utm_campaign__in=[text for text, who in campaigns.items() if who is not None])
    if key is None:
        return rows.exclude(by_campaign | Q(utm_source__in=[text for text, who in sources.items() if who is not None]))
    theirs = Q(utm_campaign__in=[text for text, who in campaigns.items() if who == key])
    return rows.filter(theirs | ~by_campaign & Q(utm_source__in=[text for text, who in sources.items() if who == key]))


def _of_referrer(rows: QuerySet[Lead], account: UserAccount, key: Key) -> QuerySet[Lead]:
    known = dict(Referrer.objects.filter(user_account=account).values_list("code_key", "pk"))
    sent = _texts(rows.filter(utm_source__istartswith=REFERRAL_PREFIX), "utm_source")
    if key is None:
        return rows.exclude(utm_source__in=[text for text in sent if code_key(text) in known])
    return rows.filter(utm_source__in=[text for text in sent if known.get(code_key(text)) == key])


def _texts(rows: QuerySet[Any], column: str) -> list[str]:
    return list(rows.order_by().values_list(column, flat=True).distinct())


_LEADS: dict[GroupBy, Callable[[QuerySet[Lead], UserAccount, Key], QuerySet[Lead]]] = {
    GroupBy.CREATIVE: lambda rows, _account, key: _of_key(rows, "creative_id", key),
    GroupBy.DIRECTION: lambda rows, _account, key: _of_key(rows, own_or_creatives(""), key),
    GroupBy.CAMPAIGN: lambda rows, _account, key: _of_campaign(rows, "utm_campaign", key),
    GroupBy.TARGETOLOGIST: _of_targetologist,
    GroupBy.REFERRER: _of_referrer,
}
_BY_CODE = Q(conversion__status__in=[ConversionStatus.ACTIVE, ConversionStatus.SELF_REFERRAL])
_SALES: dict[GroupBy, str | Combinable] = {
    GroupBy.CREATIVE: "lead__creative_id",
    GroupBy.DIRECTION: own_or_creatives("lead__"),
    GroupBy.TARGETOLOGIST: "targetologist_id",
    # A conversion whose sale came by a code no more keeps its referrer, for the record.
    GroupBy.REFERRER: Case(When(_BY_CODE, then=F("conversion__referrer_id")), default=None),
}
_SPEND: dict[GroupBy, str | Combinable] = {
    GroupBy.CREATIVE: "creative_id",
    GroupBy.DIRECTION: own_or_creatives(""),
    GroupBy.TARGETOLOGIST: "targetologist_id",
    GroupBy.REFERRER: Value(None, output_field=BigIntegerField()),
}
