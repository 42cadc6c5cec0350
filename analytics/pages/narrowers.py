"""What lists of leads, sales and spend can be narrowed to: the rows that a report counts in one of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from analytics.models import AdSpend, Referrer, Sale, Targetologist
from analytics.reports.behind import leads_of, leads_that_reached, sales_of, spend_of
from analytics.reports.definitions import OF_NONE, ONE_OF
from analytics.reports.queries import Key
from analytics.reports.spans import GroupBy
from leads.models import Creative, Direction, Lead, PipelineStage, UserAccount
from leads.pages.narrowing import ID_OR_NONE, LEAD_NARROWERS, NONE, TEXT, Narrower, Text

M = TypeVar("M", bound=Model)
_STAGE = re.compile(r"\d{1,18}:\d{1,18}")
_THINGS: dict[GroupBy, type[Creative | Direction | Targetologist | Referrer]] = {
    GroupBy.CREATIVE: Creative,
    GroupBy.DIRECTION: Direction,
    GroupBy.TARGETOLOGIST: Targetologist,
    GroupBy.REFERRER: Referrer,
}


def value_of(key: Key) -> str:
    """A row's key as an address says it."""
    return NONE if key is None else str(key)


def _key(by: GroupBy, value: str) -> Key:
    if value == NONE:
        return None
    return value if by is GroupBy.CAMPAIGN else int(value)


def _name(by: GroupBy) -> Callable[[UserAccount, str], Text]:
    def name(account: UserAccount, value: str) -> Text:
        if value == NONE:
            return OF_NONE[by]
        if by is GroupBy.CAMPAIGN:
            return value
        return str(_THINGS[by]._default_manager.filter(user_account=account, pk=int(value)).first() or value)

    return name


def _narrower(by: GroupBy, rows: Callable[[QuerySet[M], UserAccount, Key], QuerySet[M]]) -> Narrower[M]:
    def narrowed(found: QuerySet[M], account: UserAccount, value: str) -> QuerySet[M]:
        return rows(found, account, _key(by, value))

    return Narrower(ONE_OF[by], narrowed, _name(by), TEXT if by is GroupBy.CAMPAIGN else ID_OR_NONE)


def _of_leads(by: GroupBy) -> Narrower[Lead]:
    return _narrower(by, lambda rows, account, key: leads_of(rows, account, by, key))


def _of_sales(by: GroupBy) -> Narrower[Sale]:
    return _narrower(by, lambda rows, _account, key: sales_of(rows, by, key))


def _of_spend(by: GroupBy) -> Narrower[AdSpend]:
    return _narrower(by, lambda rows, _account, key: spend_of(rows, by, key))


def _reached(rows: QuerySet[Lead], account: UserAccount, value: str) -> QuerySet[Lead]:
    pipeline_id, _colon, status_id = value.partition(":")
    return leads_that_reached(rows, account, int(pipeline_id), int(status_id))


def _stage_name(account: UserAccount, value: str) -> str:
    pipeline_id, _colon, status_id = value.partition(":")
    stages = PipelineStage.objects.filter(user_account=account, pipeline_id=pipeline_id, status_id=status_id)
    return str(stages.first() or value)


SALE_NARROWERS = {str(by.value): _of_sales(by) for by in GroupBy}
SPEND_NARROWERS = {str(by.value): _of_spend(by) for by in GroupBy}


def register() -> None:
    """Tell the leads page, which knows nothing of money, what its list can be narrowed to."""
    LEAD_NARROWERS.update({str(by.value): _of_leads(by) for by in GroupBy})
    LEAD_NARROWERS["reached"] = Narrower(_("Reached"), _reached, _stage_name, _STAGE)
