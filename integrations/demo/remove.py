"""Taking the demo year away again, and nothing that has come into the account since."""

from __future__ import annotations

from datetime import timedelta

from django.db import models, transaction
from django.db.models import F, Q, QuerySet

from analytics.models import (
    AdSpend,
    DealTelling,
    ExchangeRate,
    ReferralConversion,
    ReferralEarning,
    Referrer,
    ReportSnapshot,
    Sale,
)
from analytics.rollups.install import without_triggers
from integrations.demo.stories import FIRST_DEAL_ID
from integrations.models import AmoCRMConnection, HookDay, SaleNotification, SyncGap, SyncRun, WebhookLog
from leads.deals.apply import lock_account
from leads.models import Creative, DealPhone, Direction, Lead, LeadStatusHistory, PipelineStage, StageNews, UserAccount

# What refers to others first.
GENERATED: tuple[type[models.Model], ...] = (
    *(SaleNotification, ReferralEarning, ReferralConversion, Sale, DealTelling),
    *(LeadStatusHistory, StageNews, DealPhone, Lead),
    *(AdSpend, ExchangeRate, SyncGap, HookDay, SyncRun, WebhookLog),
    *(Referrer, Creative, Direction),
)
_ENTERED = Q(updated_at__gt=F("created_at") + timedelta(seconds=1))
# What the rows of others have come to use by now, or somebody has entered anew, and so stays.
USED: dict[type[models.Model], Q] = {
    Lead: Q(amocrm_lead_id__lt=FIRST_DEAL_ID) | Q(sales__isnull=False),
    AdSpend: _ENTERED,
    ExchangeRate: _ENTERED,
    Referrer: Q(conversions__isnull=False),
    Creative: Q(leads__isnull=False) | Q(ad_spend__isnull=False),
    Direction: Q(leads__isnull=False) | Q(creatives__isnull=False) | Q(ad_spend__isnull=False),
}


@transaction.atomic
def year_remove(account: UserAccount) -> int:
    """Delete the account's generated rows, after which it is a demo no more. How many leads they were.

    What a person or a CRM brought since stays, with all that it uses.
    """
    lock_account(account)
    account.refresh_from_db(fields=["demo_rows"])
    if not account.demo_rows:
        return 0
    before = Lead.objects.filter(user_account=account).count()
    with without_triggers(account):  # which take three times as long, while nobody else can write
        for model in GENERATED:
            # A plain QuerySet: the ledger's own deletes nothing, but nobody ever earned these lines.
            rows: QuerySet[models.Model] = QuerySet(model).filter(user_account=account)
            used = rows.filter(USED[model]).values("pk") if model in USED else ()
            rows.filter(pk__lte=account.demo_rows.get(model._meta.db_table, 0)).exclude(pk__in=used).delete()
    if not AmoCRMConnection.objects.filter(user_account=account).exists():
        PipelineStage.objects.filter(user_account=account).delete()
    # What the reports showed was generated too; the next night writes down anew what is left.
    ReportSnapshot.objects.filter(user_account=account).delete()
    account.demo_rows = {}
    account.save(update_fields=["demo_rows"])
    return before - Lead.objects.filter(user_account=account).count()
