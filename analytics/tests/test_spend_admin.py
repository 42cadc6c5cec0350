from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from analytics.models import AdSpend, ExchangeRate
from leads.models import Creative
from leads.tests.cast import Cast, client, make_cast

pytestmark = pytest.mark.django_db

ADD = "/admin/analytics/adspend/add/"


@pytest.fixture
def cast() -> Cast:
    made = make_cast()
    made.sam.is_staff = True
    made.sam.save()
    return made


def entered(cast: Cast, address: str = ADD, **values: Any) -> Any:
    form = {"user_account": cast.alpha.pk, "day": "2026-03-01", "amount": "10", "currency": "KZT", "source": "manual"}
    return client(cast.sam).post(address, form | values, format="multipart")


def test_spend_is_entered_and_mended_by_hand(cast: Cast) -> None:
    assert entered(cast, campaign="Spring").status_code == 302
    row = AdSpend.objects.get()
    assert (row.what, row.amount) == ("campaign:spring", Decimal(10))
    assert entered(cast, f"/admin/analytics/adspend/{row.pk}/change/", campaign="Summer").status_code == 302
    row.refresh_from_db()
    assert row.what == "campaign:summer"


def test_a_row_names_one_thing(cast: Cast) -> None:
    video = Creative.objects.create(user_account=cast.alpha, name="Video")
    assert entered(cast).status_code == 200
    assert entered(cast, campaign="Spring", creative=video.pk).status_code == 200
    assert not AdSpend.objects.exists()


def test_the_same_row_is_not_entered_twice(cast: Cast) -> None:
    entered(cast, campaign="Spring")
    again = entered(cast, campaign="SPRING")
    assert "already" in again.content.decode()
    assert AdSpend.objects.count() == 1


def test_an_exchange_rate_is_entered_by_hand(cast: Cast) -> None:
    values = {"currency": "USD", "base_currency": "KZT", "rate": "500"}
    assert entered(cast, "/admin/analytics/exchangerate/add/", **values).status_code == 302
    assert str(ExchangeRate.objects.get()) == "01.03.2026 · 1 USD = 500 KZT"


def test_the_currency_is_the_accounts_where_none_is_named(cast: Cast) -> None:
    assert entered(cast, campaign="Spring", currency="").status_code == 302
    assert AdSpend.objects.get().currency == "KZT"
    rate = {"currency": "USD", "base_currency": "", "rate": "500"}
    assert entered(cast, "/admin/analytics/exchangerate/add/", **rate).status_code == 302
    assert ExchangeRate.objects.get().base_currency == "KZT"


@pytest.mark.parametrize(("currency", "base"), [("EUR", "USD"), ("KZT", "KZT"), ("KZT", "")])
def test_a_rate_that_no_report_would_find_is_refused(cast: Cast, currency: str, base: str) -> None:
    values = {"currency": currency, "base_currency": base, "rate": "500"}
    assert entered(cast, "/admin/analytics/exchangerate/add/", **values).status_code == 200
    assert not ExchangeRate.objects.exists()


@pytest.mark.parametrize("day", ["2062-03-01", "0206-03-01"])
def test_a_day_is_no_typing_error(cast: Cast, day: str) -> None:
    assert entered(cast, campaign="Spring", day=day).status_code == 200
    rate = {"currency": "USD", "base_currency": "KZT", "rate": "500", "day": day}
    assert entered(cast, "/admin/analytics/exchangerate/add/", **rate).status_code == 200
    assert not AdSpend.objects.exists()
    assert not ExchangeRate.objects.exists()


@pytest.mark.parametrize(
    ("model", "page"), [("adspend", "/app/spend/upload"), ("exchangerate", "/app/spend/rates/upload")]
)
def test_a_whole_file_is_uploaded_a_click_away_by_who_may(cast: Cast, model: str, page: str) -> None:
    cast.vera.is_staff = True
    cast.vera.save()
    button = f"/admin/analytics/{model}/upload"
    assert button in client(cast.sam).get(f"/admin/analytics/{model}/").content.decode()
    assert client(cast.sam).get(button)["Location"] == page
    assert button not in client(cast.vera).get(f"/admin/analytics/{model}/").content.decode()
    assert client(cast.vera).get(button).status_code == 403
