"""What a sync looks up among the deliveries costs as much however many older ones there are (law 10)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from config.tests.growth import cpu_of
from integrations.models import SyncRun, WebhookLog
from integrations.sync.figures import refresh_figures
from integrations.sync.hearsay import Hearsay
from leads.models import UserAccount


def look_for_what_was_told(account: UserAccount) -> None:
    Hearsay(account.pk, timezone.now() - timedelta(hours=8)).of_deals([7])


def count_the_last_days(account: UserAccount) -> None:
    refresh_figures(account, SyncRun(user_account=account, pk=0))


def receive(account: UserAccount, deliveries: int) -> None:
    """So many, and none within the last month."""
    first = timezone.now() - timedelta(days=30, seconds=deliveries)
    rows = [
        WebhookLog(user_account=account, raw_body=bytes(3_500), received_at=first + timedelta(seconds=number))
        for number in range(deliveries)
    ]
    WebhookLog.objects.bulk_create(rows, batch_size=1_000)


@pytest.mark.django_db
@pytest.mark.parametrize("look", [look_for_what_was_told, count_the_last_days])
def test_many_times_as_many_old_deliveries_cost_no_more(look: Callable[[UserAccount], None]) -> None:
    account = UserAccount.objects.create(name="Alfa")
    receive(account, 300)
    little = cpu_of(lambda: look(account))
    receive(account, 10_000)
    assert cpu_of(lambda: look(account)) < 3 * little


@pytest.mark.django_db
def test_a_demo_year_that_was_made_meanwhile_hides_no_delivery() -> None:
    account, demo = UserAccount.objects.create(name="Alfa"), UserAccount.objects.create(name="Demo")
    WebhookLog.objects.create(user_account=account, raw_body=b"leads[add][0][id]=7", received_at=timezone.now())
    receive(demo, 50)
    assert len(Hearsay(account.pk, timezone.now() - timedelta(hours=8)).of_deals([7])[7]) == 1
