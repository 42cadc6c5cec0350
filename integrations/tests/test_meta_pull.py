"""Spend read from Meta: the books say what Meta says, however often and from wherever they are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from pytest_django import Settings

from analytics.models import AdSpend
from integrations.meta import pull as pulling
from integrations.meta.lease import due_ad_accounts, take_lease
from integrations.meta.problems import next_morning
from integrations.models import MetaAdAccount, MetaAdDay, MetaPull
from integrations.tests.meta_world import ACT, ad_account_of, ago, books, pull, spent, today
from leads.models import Creative, UserAccount
from sandbox import Server
from sandbox.meta import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meta(amocrm: Server, settings: Settings) -> Server:
    settings.META_API_URL, settings.META_ADS_TOKEN = f"{amocrm.url}/meta/v24.0", TOKEN
    amocrm.crm.meta.add_account(ACT, name="Clinic")
    return amocrm


@pytest.fixture
def ads(alfa: UserAccount, meta: Server) -> MetaAdAccount:
    return ad_account_of(alfa)


def test_the_first_reading_brings_ninety_days(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    meta.crm.meta.spend(ACT, ago(90), "7", "10.00", campaign="Spring")
    meta.crm.meta.spend(ACT, ago(91), "7", "99.00", campaign="Spring")
    done = pull(ads)
    assert (done.state, done.since, done.until) == (MetaPull.State.DONE, ago(90), today())
    assert books(alfa) == [(ago(90), "Spring", Decimal("10.00"))]
    row = AdSpend.objects.get()
    assert (row.currency, row.source, row.impressions, row.clicks) == ("USD", "meta:1001", 1000, 10)
    assert (ads.name, ads.currency, ads.timezone, ads.pulled_until) == ("Clinic", "USD", "Asia/Almaty", today())


def test_reading_again_changes_nothing(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    expected = spent(meta, days=10, ads=3)
    assert pull(ads).created == 30
    first = list(AdSpend.objects.order_by("pk").values())
    again = pull(ads)
    assert (again.created, again.updated, again.removed) == (0, 0, 0)
    assert list(AdSpend.objects.order_by("pk").values()) == first
    assert books(alfa) == expected


def test_what_meta_revises_is_revised_and_what_it_takes_back_is_gone(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount
) -> None:
    for ad in ("1", "2", "3"):
        meta.crm.meta.spend(ACT, ago(20), ad, "5.00", campaign=f"campaign {ad}")
    pull(ads)
    meta.crm.meta.spend(ACT, ago(20), "1", "4.50", campaign="campaign 1")
    meta.crm.meta.spend(ACT, ago(20), "2", "")
    done = pull(ads)
    assert (done.since, done.updated, done.removed) == (ago(28), 1, 1)
    assert books(alfa) == [(ago(20), "campaign 1", Decimal("4.50")), (ago(20), "campaign 3", Decimal("5.00"))]


def test_after_a_long_silence_no_day_is_left_out(ads: MetaAdAccount, meta: Server) -> None:
    pull(ads)
    MetaAdAccount.objects.update(pulled_until=ago(200))
    assert pull(ads).since == ago(228)


def test_an_ad_stands_under_its_creative_and_the_others_under_their_campaign(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount
) -> None:
    Creative.objects.create(user_account=alfa, name="Video", external_ad_id="1")
    Creative.objects.create(user_account=UserAccount.objects.create(name="Bravo"), name="Not ours", external_ad_id="2")
    for ad in ("1", "2", "3"):
        meta.crm.meta.spend(ACT, today(), ad, "1.00", campaign="Spring" if ad != "3" else "SPRING")
    pull(ads)
    assert books(alfa) == [(today(), "Spring", Decimal("2.00")), (today(), "Video", Decimal("1.00"))]


def test_a_creative_created_later_gets_its_ads_whole_past(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    for days in (0, 60):
        for ad in ("1", "2"):
            meta.crm.meta.spend(ACT, ago(days), ad, "1.00", campaign="Spring")
    pull(ads)
    assert [amount for _day, _name, amount in books(alfa)] == [Decimal(2), Decimal(2)]
    creative = Creative.objects.create(user_account=alfa, name="Video", external_ad_id="1")
    pull(ads)
    expected = [(ago(days), name, Decimal(1)) for days in (60, 0) for name in ("Spring", "Video")]
    assert books(alfa) == expected
    Creative.objects.filter(pk=creative.pk).update(external_ad_id="2")
    pull(ads)
    assert books(alfa) == expected
    Creative.objects.filter(pk=creative.pk).update(external_ad_id="")
    pull(ads)
    assert books(alfa) == [(ago(60), "Spring", Decimal(2)), (today(), "Spring", Decimal(2))]


def test_the_money_of_a_deleted_creative_goes_back_to_its_campaign(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount
) -> None:
    creative = Creative.objects.create(user_account=alfa, name="Video", external_ad_id="1")
    for days in (0, 60):
        meta.crm.meta.spend(ACT, ago(days), "1", "1.00", campaign="Spring")
    pull(ads)
    creative.delete()
    pull(ads)
    assert books(alfa) == [(ago(60), "Spring", Decimal(1)), (today(), "Spring", Decimal(1))]


def test_two_ad_accounts_with_campaigns_of_one_name_do_not_meet(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount
) -> None:
    meta.crm.meta.add_account("2002", currency="EUR")
    meta.crm.meta.spend(ACT, today(), "1", "1.00", campaign="Spring")
    meta.crm.meta.spend("2002", today(), "2", "5.00", campaign="Spring")
    pull(ads), pull(ad_account_of(alfa, "2002")), pull(ads)
    assert sorted(AdSpend.objects.values_list("amount", "currency")) == [(Decimal(1), "USD"), (Decimal(5), "EUR")]


def test_what_people_entered_is_left_alone(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    by_hand = AdSpend.objects.create(
        user_account=alfa, day=today(), campaign="Spring", amount=Decimal(7), currency="KZT"
    )
    meta.crm.meta.spend(ACT, today(), "1", "1.00", campaign="Spring")
    pull(ads)
    meta.crm.meta.spend(ACT, today(), "1", "")
    pull(ads)
    assert list(AdSpend.objects.all()) == [by_hand]


def test_an_ad_account_belongs_to_one_account(ads: MetaAdAccount) -> None:
    with pytest.raises(IntegrityError):
        ad_account_of(UserAccount.objects.create(name="Bravo"))


def test_many_pages_are_read_and_their_address_is_never_followed(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "PAGE_SIZE", 3)
    meta.crm.meta.next_host = "http://169.254.169.254"
    expected = spent(meta, days=7, ads=5)
    done = pull(ads)
    assert (books(alfa), done.rows) == (expected, 35)
    asked = [seen.path for seen in meta.crm.requests if seen.kind == "meta"]
    assert all(path.startswith("/meta/v24.0/act_1001") for path in asked)
    assert TOKEN not in "".join(asked)


def test_one_worker_reads_an_ad_account(ads: MetaAdAccount, meta: Server) -> None:
    lease = take_lease(ads.pk)
    assert lease is not None
    assert pulling.work(ads.pk) is None
    lease.release()
    assert pulling.work(ads.pk) is not None


def test_a_turn_that_is_over_goes_on_where_it_stood(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    expected = spent(meta, days=20, ads=1)
    cut = pulling.work(ads.pk, seconds=-1)
    assert cut is not None
    assert cut.state == MetaPull.State.RUNNING
    assert list(due_ad_accounts()) == [ads]
    assert pull(ads).pk == cut.pk
    assert books(alfa) == expected
    assert not due_ad_accounts().exists()


def test_each_ad_account_is_read_once_a_day_in_its_own_morning(alfa: UserAccount) -> None:
    night = datetime(2026, 3, 31, 22, 0, tzinfo=UTC)  # three at night in Almaty
    times = {
        next_morning(MetaAdAccount(pk=pk, user_account=alfa, timezone="Asia/Almaty"), night) for pk in range(1, 60)
    }
    assert len(times) > 50
    assert all(timedelta(hours=2) <= time - night < timedelta(hours=4) for time in times)
    assert all(next_morning(MetaAdAccount(pk=1, timezone="Asia/Almaty"), time) > time for time in times)


def test_an_inactive_ad_account_is_not_read(ads: MetaAdAccount) -> None:
    assert list(due_ad_accounts()) == [ads]
    MetaAdAccount.objects.update(is_active=False)
    assert not due_ad_accounts().exists()


def test_days_that_were_asked_for_are_read_and_no_others(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    spent(meta, days=50, ads=1)
    call_command("pull_meta", "--account", str(alfa.pk), "--from", str(ago(45)), "--to", str(ago(44)))
    assert [day for day, _name, _amount in books(alfa)] == [ago(45), ago(44)]
    ads.refresh_from_db()
    assert ads.pulled_until is None  # what lies between is still to be read
    pull(ads)
    assert len(books(alfa)) == 50


def test_the_command_says_what_could_not_be_read(
    ads: MetaAdAccount, meta: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    meta.crm.meta.tokens.clear()
    with pytest.raises(CommandError, match="1001"):
        call_command("pull_meta")
    assert '"state": "failed"' in capsys.readouterr().out
    with pytest.raises(CommandError, match="--from"):
        call_command("pull_meta", "--to", "2026-01-01")


def test_what_was_told_is_kept_by_ad(ads: MetaAdAccount, meta: Server) -> None:
    meta.crm.meta.spend(ACT, today(), "1", "1.00", campaign="Spring", ad_name="Blue")
    pull(ads)
    row = MetaAdDay.objects.get()
    assert (row.ad_id, row.ad_name, row.campaign, row.amount) == ("1", "Blue", "Spring", Decimal(1))


def test_a_token_of_its_own_goes_before_the_servers(ads: MetaAdAccount, meta: Server) -> None:
    meta.crm.meta.tokens = {"its-own"}
    ads.access_token = "its-own"
    ads.save()
    assert pull(ads).state == MetaPull.State.DONE
