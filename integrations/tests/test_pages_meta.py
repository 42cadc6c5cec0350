"""The page of Meta's ad accounts: adding one, seeing how it stands, making creatives of its ads."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from analytics.models import AdSpend
from integrations.meta.ad_accounts import act_id_typed
from integrations.models import MetaAdAccount
from integrations.tests.meta_world import ACT, ad_account_of, ago, pull, today
from leads.models import Creative, Lead, User
from leads.news import Utm
from leads.tests.cast import Cast, make_cast
from leads.tests.world import apply, read
from sandbox import Server
from sandbox.meta import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/app/spend/meta"


def client(user: User) -> Client:
    """A browser in which this person has signed in."""
    made = Client()
    made.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return made


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def meta(amocrm: Server, settings: Settings) -> Server:
    settings.META_API_URL = f"{amocrm.url}/meta/v24.0"
    amocrm.crm.meta.add_account(ACT, name="Clinic")
    return amocrm


@pytest.mark.parametrize(
    ("typed", "act_id"),
    [
        ("1001", "1001"),
        (" act_1001 ", "1001"),
        ("https://adsmanager.facebook.com/adsmanager/manage/campaigns?act=1001&business_id=5", "1001"),
        ("my clinic", "my clinic"),
        ("1001-2", "1001-2"),
    ],
)
def test_an_ad_account_is_known_by_whatever_people_paste(typed: str, act_id: str) -> None:
    assert act_id_typed(typed) == act_id


def test_an_owner_adds_an_ad_account_and_its_spend_comes(cast: Cast, meta: Server) -> None:
    meta.crm.meta.spend(ACT, today(), "7", "12.30", campaign="Spring")
    alice = client(cast.alice)
    assert alice.post(PAGE, {"act_id": f"act_{ACT}", "access_token": TOKEN})["Location"] == PAGE
    ad_account = MetaAdAccount.objects.get()
    pull(ad_account)
    page = alice.get(PAGE).content.decode()
    assert "Clinic" in page
    assert "Ad 7" in page
    assert TOKEN not in page


@pytest.mark.parametrize(
    "typed",
    [
        {"act_id": "my clinic"},
        {"act_id": ""},
        {"act_id": ACT, "access_token": ""},
        {"act_id": ACT, "access_token": f"{TOKEN} {TOKEN}"},
        {"act_id": ACT, "access_token": f"{TOKEN}…"},
    ],
)
def test_what_cannot_be_read_is_not_added(cast: Cast, meta: Server, typed: dict[str, str]) -> None:
    assert client(cast.alice).post(PAGE, {"access_token": TOKEN} | typed).status_code == 400
    assert not MetaAdAccount.objects.exists()


def test_an_ad_account_of_another_account_is_refused(cast: Cast, meta: Server) -> None:
    ad_account_of(cast.beta)
    answer = client(cast.alice).post(PAGE, {"act_id": ACT, "access_token": TOKEN})
    assert answer.status_code == 400
    assert "already" in answer.content.decode()


def test_staff_and_viewers_add_none(cast: Cast, meta: Server) -> None:
    for person in (cast.sam, cast.vera):
        assert client(person).post(PAGE, {"act_id": ACT, "access_token": TOKEN}).status_code == 403
    assert not MetaAdAccount.objects.exists()


def test_a_dead_token_is_seen(cast: Cast, meta: Server, settings: Settings) -> None:
    settings.META_ADS_TOKEN = "dead"
    pull(ad_account_of(cast.alpha))
    assert "no good" in client(cast.vera).get(PAGE).content.decode()
    assert "Clinic" not in client(cast.charlie).get(PAGE).content.decode()


def test_an_ad_becomes_a_creative_and_takes_its_money_along(cast: Cast, meta: Server, settings: Settings) -> None:
    settings.META_ADS_TOKEN = TOKEN
    for ad in ("7", "8"):
        meta.crm.meta.spend(ACT, today(), ad, "12.30", campaign="Spring", ad_name=f"Video {ad}")
    ad_account = ad_account_of(cast.alpha)
    pull(ad_account)
    client(cast.sam).post(reverse("page-meta-creatives"), {"ad": ["7", "no such"]})
    creative = Creative.objects.get()
    assert (creative.name, creative.external_ad_id, creative.user_account) == ("Video 7", "7", cast.alpha)
    pull(ad_account)
    assert list(AdSpend.objects.order_by("what").values_list("what", flat=True)) == [
        "campaign:spring",
        f"creative:{creative.pk}",
    ]


def test_an_ad_that_becomes_a_creative_takes_its_deals_along(cast: Cast, meta: Server, settings: Settings) -> None:
    settings.META_ADS_TOKEN = TOKEN
    meta.crm.meta.spend(ACT, today(), "7", "12.30", ad_name="Video 7")
    pull(ad_account_of(cast.alpha))
    apply(cast.alpha, read(5, 1, 10, utm=Utm(source="ig", content="7")))
    client(cast.sam).post(reverse("page-meta-creatives"), {"ad": ["7"]})
    assert Lead.objects.get().creative == Creative.objects.get()


def test_an_ad_whose_campaign_was_renamed_is_one_ad_with_its_latest_names(
    cast: Cast, meta: Server, settings: Settings
) -> None:
    settings.META_ADS_TOKEN = TOKEN
    meta.crm.meta.spend(ACT, ago(3), "7", "12.30", campaign="Winter", ad_name="Video")
    meta.crm.meta.spend(ACT, ago(1), "7", "10", campaign="Spring", ad_name="Reels")
    pull(ad_account_of(cast.alpha))
    sam = client(cast.sam)
    page = sam.get(PAGE).content.decode()
    assert page.count('name="ad" value="7"') == 1
    assert "Spring" in page
    assert "Winter" not in page
    assert "22.30" in page
    answer = sam.post(reverse("page-meta-creatives"), {"ad": ["7"]}, follow=True).content.decode()
    assert "1 creative is made." in answer
    assert Creative.objects.get().name == "Reels"


def test_who_works_there_asks_meta_now(cast: Cast, meta: Server) -> None:
    ad_account = ad_account_of(cast.alpha)
    MetaAdAccount.objects.update(next_pull_at="2099-01-01T00:00Z")
    assert client(cast.vera).post(reverse("page-meta-read")).status_code == 403
    client(cast.charlie).post(reverse("page-meta-read"))
    ad_account.refresh_from_db()
    assert ad_account.next_pull_at.year == 2099
    client(cast.sam).post(reverse("page-meta-read"))
    ad_account.refresh_from_db()
    assert ad_account.next_pull_at.year < 2099


@pytest.mark.parametrize("name", ["page-meta-read", "page-meta-creatives"])
def test_who_has_to_sign_in_again_comes_back_to_the_page(cast: Cast, meta: Server, name: str) -> None:
    to_sign_in = Client().post(reverse(name))
    came_back = parse_qs(urlsplit(to_sign_in["Location"]).query)["next"][0]
    assert client(cast.sam).get(came_back)["Location"] == PAGE
