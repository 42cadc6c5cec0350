"""Filling an account with the demo year."""

from __future__ import annotations

import random
from datetime import datetime

from django.db import transaction
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.utils import timezone

from analytics.earning.settle import settle_deals
from analytics.models import ReferralConversion, ReferralEarning, Sale
from analytics.rollups.install import without_triggers
from integrations.demo.ads import ads_of
from integrations.demo.deals import deals_make
from integrations.demo.entered import creatives_make, referrers_make, stages_make
from integrations.demo.hooks import Hooks
from integrations.demo.money import messages_make, referrers_pay, unknown_assign
from integrations.demo.regrets import Regrets, regrets_of
from integrations.demo.remove import GENERATED
from integrations.demo.seasons import year_of
from integrations.demo.spending import spend_make
from integrations.demo.stories import stories_of
from leads.deals.apply import apply_news
from leads.models import Lead, UserAccount

SEED = "voronka"


@transaction.atomic
def year_fill(account: UserAccount, now: datetime) -> None:
    """Fill a new account with the year that ends now, and mark what was generated.

    The dice fall the same each time, so that accounts filled at one moment are alike. Nobody is told of the sales.
    """
    began, now = timezone.now(), now.replace(microsecond=0)
    dice = random.Random(SEED)
    days = year_of(timezone.localdate(now, account.zone))
    ads = ads_of(days[-1], dice)
    stories = stories_of(ads, days, account.zone, now, dice)
    deals = [story for story in stories if story.steps]
    stages_make(account)
    creatives = creatives_make(account, ads)
    referrers_make(account)
    spend_make(account, ads, creatives, stories, days, dice)
    hooks = Hooks(account, deals, now, dice)
    with without_triggers(account):
        deals_make(account, stories, creatives, hooks)
        _date_money(account, began)
        referrers_pay(account, days)
        unknown_assign(account, now, dice)
        _regret(account, regrets_of(deals, hooks.last_sync, now, dice), began)
    messages_make(account)
    account.demo_rows = {
        model._meta.db_table: model._base_manager.filter(user_account=account).aggregate(last=Max("pk"))["last"]
        for model in GENERATED
    }
    account.save(update_fields=["demo_rows"])


def _regret(account: UserAccount, regrets: Regrets, began: datetime) -> None:
    """In two goes, so that what was undone leaves its mark in the ledger before it is done again."""
    for deals in ([*regrets.repriced, *regrets.undone, *regrets.deleted], regrets.redone):
        changes = apply_news(account, deals=deals, now=timezone.now())
        settle_deals(account, changes, told_by={}, currency="", is_sync=True, now=timezone.now())
        _date_money(account, began)


def _date_money(account: UserAccount, began: datetime) -> None:
    """What was recorded just now was recorded when the deal's newest news came."""
    of_sale = Subquery(Lead._base_manager.filter(pk=OuterRef("lead")).values("amocrm_updated_at"))
    of_line = Subquery(Sale._base_manager.filter(pk=OuterRef("sale")).values("lead__amocrm_updated_at"))
    for model, at in ((Sale, of_sale), (ReferralConversion, of_line), (ReferralEarning, of_line)):
        # A plain QuerySet: the ledger's own lets nobody change a line, and rightly.
        QuerySet(model).filter(user_account=account, created_at__gte=began).update(created_at=at)
