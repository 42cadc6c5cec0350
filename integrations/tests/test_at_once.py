"""Several who change one account's rows at once. Whoever deletes in the admin has the account's row, as a drain has;
SQLite lets one write at a time, and so the others simply wait."""

from __future__ import annotations

from concurrent.futures import Future, wait
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from analytics.models import AdSpend, ExchangeRate
from analytics.spend.checking import SpendRow
from analytics.spend.exchange import RateRow, store_rates
from analytics.spend.store import store_spend
from integrations.models import MetaAdAccount, MetaAdDay, MetaPull, WebhookLog
from integrations.replay import replay
from integrations.tests.meta_world import ACT, ad_account_of, ago, pull
from integrations.tests.world import deliver, elsewhere, statuses
from leads.deals.apply import lock_account
from leads.models import Creative, Membership, Role, User, UserAccount
from leads.services.accounts import member_add
from leads.tests.cast import client
from sandbox import Server
from sandbox.meta import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = (date(2026, 3, 1), date(2026, 3, 2))


@pytest.fixture
def ads(alfa: UserAccount, amocrm: Server, settings: Settings) -> MetaAdAccount:
    settings.META_API_URL, settings.META_ADS_TOKEN = f"{amocrm.url}/meta/v24.0", TOKEN
    amocrm.crm.meta.add_account(ACT, name="Clinic")
    return ad_account_of(alfa)


def test_spend_is_entered_while_a_creative_is_deleted(alfa: UserAccount) -> None:
    creative = Creative.objects.create(user_account=alfa, name="Video")
    rows = [SpendRow(day=day, amount=Decimal(10), currency="KZT", creative_id=creative.pk, source="s") for day in DAYS]
    store_spend(alfa, rows)
    spent = AdSpend.objects.filter(user_account=alfa)
    with transaction.atomic():
        lock_account(alfa)
        spent.filter(day=DAYS[1]).update(impressions=1)
        entering = elsewhere(lambda: store_spend(alfa, rows))
        spent.filter(day=DAYS[0]).update(impressions=1)
    entering.result(timeout=60)
    assert spent.filter(impressions=None).count() == 2


def test_spend_of_a_creative_that_was_deleted_after_it_was_looked_for_is_not_stored(alfa: UserAccount) -> None:
    creative = Creative.objects.create(user_account=alfa, name="Video")
    user = User.objects.create_user("sam@x.kz", "pw")
    Membership.objects.create(user=user, user_account=alfa, role=Role.STAFF)
    deleting: list[Future[object]] = []

    def once_looked_for(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if not deleting and "creatives" in sql:
            deleting.append(elsewhere(lambda: creative.delete()))
        return found

    rows = [{"day": "2026-03-01", "creative_id": creative.pk, "amount": "10"}]
    caller = client(user)
    caller.raise_request_exception = False
    with connection.execute_wrapper(once_looked_for):
        answer = caller.post("/ad-spend", rows, format="json")
    assert deleting
    assert (answer.status_code, AdSpend.objects.count()) == (409, 0)
    assert "Nothing was stored" in answer.content.decode()


def test_rates_are_entered_while_some_are_deleted(alfa: UserAccount) -> None:
    rows = [RateRow(day, "USD", Decimal(500)) for day in DAYS]
    store_rates(alfa, rows)
    with transaction.atomic():
        lock_account(alfa)
        ExchangeRate.objects.filter(day=DAYS[1]).delete()
        entering = elsewhere(lambda: store_rates(alfa, rows))
        ExchangeRate.objects.filter(day=DAYS[0]).delete()
    entering.result(timeout=60)
    assert ExchangeRate.objects.count() == 2


def test_meta_is_read_while_a_creative_is_deleted(ads: MetaAdAccount, amocrm: Server, alfa: UserAccount) -> None:
    creative = Creative.objects.create(user_account=alfa, name="Video", external_ad_id="7")
    amocrm.crm.meta.spend(ACT, ago(1), "7", "10.00", campaign="Spring")
    pull(ads)
    amocrm.crm.meta.spend(ACT, ago(1), "7", "11.00", campaign="Spring")
    with transaction.atomic():
        lock_account(alfa)
        AdSpend.objects.filter(creative=creative).update(creative=None)
        reading = elsewhere(lambda: pull(ads))
        MetaAdDay.objects.filter(creative=creative).update(creative=None)
        creative.delete()
    reading.result(timeout=60)
    assert [(row.campaign, str(row.amount)) for row in AdSpend.objects.all()] == [("Spring", "11.00")]


def test_an_ad_account_is_deleted_while_it_is_read(ads: MetaAdAccount, amocrm: Server, alfa: UserAccount) -> None:
    amocrm.crm.meta.spend(ACT, ago(1), "7", "10.00", campaign="Spring")
    pull(ads)
    with transaction.atomic():
        lock_account(alfa)
        MetaAdDay.objects.filter(ad_account=ads).delete()
        reading = elsewhere(lambda: pull(ads))
        MetaPull.objects.filter(ad_account=ads).delete()
        MetaAdAccount.objects.filter(pk=ads.pk).delete()
    wait([reading], timeout=60)
    assert not MetaPull.objects.exists()


def test_deliveries_are_replayed_while_a_drain_writes_their_outcomes(alfa: UserAccount) -> None:
    first, second = (WebhookLog.objects.filter(pk=deliver(alfa, "a=b")) for _ in range(2))
    WebhookLog.objects.update(processing_status="success")
    with transaction.atomic():
        lock_account(alfa)
        second.update(error_message="written")
        replaying = elsewhere(lambda: replay(WebhookLog.objects.all(), wake=lambda _account: None))
        first.update(error_message="written")
    assert replaying.result(timeout=60) == 2
    assert statuses(alfa) == ["received", "received"]


def test_one_new_person_is_let_in_twice(alfa: UserAccount) -> None:
    def admit() -> object:
        return member_add(account=alfa, email="new@example.com", password="a-long-password", role=Role.STAFF)

    with transaction.atomic():
        lock_account(alfa)
        other = elsewhere(admit)
        admit()
    other.result(timeout=60)
    assert User.objects.filter(email="new@example.com", memberships__user_account=alfa).count() == 1
