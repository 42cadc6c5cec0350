"""One worker per ad account at a time."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.lease import Lease
from integrations.models import MetaAdAccount
from leads.clock import is_over

# Longer than a page takes (connecting 5 s, an answer 25 s) a few times over: it is renewed after each span of days.
LEASE_FOR = timedelta(minutes=10)


def due_ad_accounts() -> QuerySet[MetaAdAccount]:
    """Those whose time has come and which nobody works on."""
    return MetaAdAccount.objects.filter(is_over("lease_until"), is_active=True, next_pull_at__lte=Now())


def take_lease(ad_account_id: int) -> Lease | None:
    """The lease of this ad account, None while another worker holds it."""
    return Lease.take(MetaAdAccount.objects.filter(pk=ad_account_id), LEASE_FOR)
