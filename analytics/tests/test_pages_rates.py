"""Exchange rates as a page: one by hand, many by a file that is looked at first."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from analytics.models import AdSpend, ExchangeRate
from leads.models import User
from leads.tests.cast import Cast

pytestmark = pytest.mark.django_db

GOOD = "day,currency,rate\n2026-03-30,USD,501.25\n2026-03-31,EUR,500\n"


def client(user: User) -> Client:
    """A browser in which this person has signed in."""
    made = Client()
    made.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return made


def rates() -> list[tuple[date, str, Decimal]]:
    return list(ExchangeRate.objects.order_by("day").values_list("day", "currency", "rate"))


def looked_at(browser: Client, text: str) -> str:
    """The token of the preview."""
    answer = browser.post(reverse("page-rates-upload"), {"text": text})
    assert answer.status_code == 200
    found = re.search(r'name="checked" value="([^"]+)"', answer.content.decode())
    assert found
    return found[1]


def test_a_file_is_looked_at_and_then_stored(cast: Cast) -> None:
    sam = client(cast.sam)
    file = SimpleUploadedFile("rates.csv", GOOD.encode())
    preview = sam.post(reverse("page-rates-upload"), {"file": file}).content.decode()
    assert "501.25 KZT" in preview
    assert rates() == []
    assert sam.post(reverse("page-rates-upload"), {"checked": looked_at(sam, GOOD)})["Location"] == "/app/spend/rates"
    assert rates() == [(date(2026, 3, 30), "USD", Decimal("501.25")), (date(2026, 3, 31), "EUR", Decimal(500))]
    shown = sam.get(reverse("page-rates")).content.decode()
    assert "501.25 KZT" in shown
    assert "500.00 KZT" in shown


def test_told_again_a_rate_is_replaced(cast: Cast) -> None:
    sam = client(cast.sam)
    for rate in ("501.25", "502"):
        text = GOOD.replace("501.25", rate)
        sam.post(reverse("page-rates-upload"), {"checked": looked_at(sam, text)})
    assert [rate for _day, _currency, rate in rates()] == [Decimal(502), Decimal(500)]


def test_one_bad_row_keeps_all_out_and_is_named(cast: Cast) -> None:
    answer = client(cast.sam).post(
        reverse("page-rates-upload"), {"text": GOOD + "2026-04-01,KZT,1\n2026-04-02,USD,0\n"}
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "KZT is the account" in page
    assert "greater than 0" in page
    assert 'name="checked"' not in page
    assert rates() == []


def test_a_rate_beyond_all_measure_is_told_the_limit(cast: Cast) -> None:
    typed = {"day": "2026-03-30", "currency": "USD", "rate": "10000000000"}
    assert "less than 10,000,000,000" in client(cast.sam).post(reverse("page-rates"), typed).content.decode()


def test_a_preview_of_one_account_stores_nothing_in_another(cast: Cast) -> None:
    token = looked_at(client(cast.sam), GOOD)
    client(cast.charlie).post(reverse("page-rates-upload"), {"checked": token})
    assert rates() == []


def test_one_rate_is_entered_by_hand(cast: Cast) -> None:
    sam = client(cast.sam)
    sam.post(reverse("page-rates"), {"day": "2026-03-30", "currency": "usd", "rate": "501,25"})
    assert rates() == [(date(2026, 3, 30), "USD", Decimal("501.25"))]
    wrong = sam.post(reverse("page-rates"), {"day": "2026-03-30", "currency": "KZT", "rate": "1"})
    assert (wrong.status_code, len(rates())) == (400, 1)


def test_a_rate_is_of_the_account_whose_page_it_was_entered_on(cast: Cast) -> None:
    dora = client(cast.dora)
    form = dora.get(reverse("page-rates"), {"userAccountId": str(cast.alpha.pk)}).content.decode()
    dora.get(reverse("page-rates"), {"userAccountId": str(cast.beta.pk)})  # in another tab
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    dora.post(reverse("page-rates"), {**hidden, "day": "2026-03-30", "currency": "USD", "rate": "501"})
    assert ExchangeRate.objects.get().user_account == cast.alpha


def test_a_viewer_enters_nothing(cast: Cast) -> None:
    vera = client(cast.vera)
    sent = vera.post(reverse("page-rates"), {"day": "2026-03-30", "currency": "USD", "rate": "501"})
    assert sent.status_code == 403
    assert vera.get(reverse("page-rates-upload")).status_code == 403
    assert "page-rates-upload" not in vera.get(reverse("page-rates")).content.decode()
    assert rates() == []


def test_a_figure_that_lacks_a_rate_leads_to_where_it_is_entered(cast: Cast) -> None:
    AdSpend.objects.create(
        user_account=cast.alpha, day=date(2026, 3, 30), campaign="spring", amount=Decimal(1), currency="USD"
    )
    sam = client(cast.sam)
    report = sam.get(reverse("page-roi"), {"since": "2026-03-01", "until": "2026-03-31"}).content.decode()
    address = re.search(r'href="(/app/spend/rates[^"]+)"', report)
    assert address
    form = sam.get(address[1].replace("&amp;", "&")).content.decode()
    assert 'value="2026-03-30"' in form
    assert 'value="USD"' in form
