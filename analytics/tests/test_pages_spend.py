"""`/app/spend`: the list, and uploads that are looked at first and stored whole or not at all."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from analytics.models import AdSpend
from analytics.tests.reports_world import March
from leads.models import Creative
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

UPLOAD = "/app/spend/upload/"
ROWS = "day,campaign,amount,currency\n2026-03-01,spring,100.50,KZT\n2026-03-02,Весна,20,USD\n"


def post(user: Any, **body: Any) -> Any:
    return client(user).post(UPLOAD, body, format="multipart")


def token_of(answer: Any) -> str:
    found = re.search(r'name="checked" value="([^"]+)"', answer.content.decode())
    assert found is not None
    return unescape(found.group(1))


def test_the_list_shows_what_money_was_spent_on(cast: Cast, march: March) -> None:
    page = client(cast.vera).get("/app/spend/?since=2026-03-01&until=2026-03-31").content.decode()
    assert "5 rows" in page
    for name in ("Video", "Photo", "Camp", "Muha", "onai_spring", "20\xa0$", "22,000\xa0₸"):
        assert name in page
    only = client(cast.vera).get("/app/spend/?since=2026-03-01&until=2026-03-31&kind=campaign").content.decode()
    assert "1 row" in only
    assert "onai_spring" in only


@pytest.mark.parametrize("path", ["/app/spend/?since=2026-03-01&until=2026-03-31", "/app/sales/?status=paid"])
def test_amounts_sort_both_ways(cast: Cast, march: March, path: str) -> None:
    rising, falling = (
        re.findall(r'data-label="Amount">(.*?)<', client(cast.vera).get(f"{path}&order={order}").content.decode())
        for order in ("amount", "-amount")
    )
    assert rising != falling
    assert rising == falling[::-1]


def test_what_is_gone_is_said_to_be_gone(cast: Cast, march: March) -> None:
    Creative.objects.filter(name="Video").delete()
    page = client(cast.vera).get("/app/spend/?since=2026-03-01&until=2026-03-01").content.decode()
    assert "gone" in page


def test_viewers_see_the_list_and_cannot_upload(cast: Cast) -> None:
    page = client(cast.vera).get("/app/spend/").content.decode()
    assert "No spend yet" in page
    assert UPLOAD.rstrip("/") not in page
    assert client(cast.vera).get(UPLOAD).status_code == 403
    assert post(cast.vera, text=ROWS).status_code == 403
    assert not AdSpend.objects.exists()
    assert UPLOAD.rstrip("/") in client(cast.sam).get("/app/spend/").content.decode()


def test_rows_are_shown_first_and_stored_when_confirmed(cast: Cast) -> None:
    looked = post(cast.sam, text=ROWS)
    page = looked.content.decode()
    assert looked.status_code == 200
    for said in ("2 rows, not stored yet", "Весна", "100.50\xa0₸", "20\xa0$", "01.03.2026 – 02.03.2026"):
        assert said in page
    assert not AdSpend.objects.exists()
    stored = post(cast.sam, checked=token_of(looked))
    assert (stored.status_code, stored["Location"]) == (302, "/app/spend")
    assert set(AdSpend.objects.values_list("user_account", "day", "campaign", "amount", "currency")) == {
        (cast.alpha.pk, date(2026, 3, 1), "spring", Decimal("100.50"), "KZT"),
        (cast.alpha.pk, date(2026, 3, 2), "Весна", Decimal("20.00"), "USD"),
    }
    again = post(cast.sam, text=ROWS)
    assert "2 replace earlier ones" in again.content.decode()
    post(cast.sam, checked=token_of(again))
    assert AdSpend.objects.count() == 2


def test_spend_that_another_source_has_told_of_is_pointed_out(cast: Cast) -> None:
    post(cast.sam, checked=token_of(post(cast.sam, text=ROWS)))
    rows = (
        "day,campaign,amount,source\n2026-03-01,SPRING,90,meta\n2026-03-05,spring,1,meta\n2026-03-02,Весна,9,manual\n"
    )
    page = post(cast.sam, text=rows).content.decode()
    assert "Another source has told of 1 row already" in page
    assert "1 replaces an earlier one" in page
    assert "reports add both up" not in post(cast.sam, text=ROWS).content.decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_a_file_may_come_from_any_spreadsheet(cast: Cast, encoding: str) -> None:
    content = ROWS.replace(",", ";").encode(encoding)
    looked = post(cast.sam, file=SimpleUploadedFile("spend.csv", content, content_type="text/csv"))
    post(cast.sam, checked=token_of(looked))
    assert set(AdSpend.objects.values_list("campaign", flat=True)) == {"spring", "Весна"}


def test_days_may_be_as_a_spreadsheet_writes_them(cast: Cast) -> None:
    looked = post(cast.sam, text="day;campaign;amount\n01.03.2026;spring;12 000,50\n2026-03-02;spring;5\n")
    post(cast.sam, checked=token_of(looked))
    assert set(AdSpend.objects.values_list("day", "amount")) == {
        (date(2026, 3, 1), Decimal("12000.50")),
        (date(2026, 3, 2), Decimal(5)),
    }
    assert "“31.02.2026” is no day" in post(cast.sam, text="day,campaign,amount\n31.02.2026,x,5\n").content.decode()


@pytest.mark.parametrize("start", [b"PK\x03\x04\x14\x00\x06\x00", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_workbook_is_told_to_be_saved_as_csv(cast: Cast, start: bytes) -> None:
    answer = post(cast.sam, file=SimpleUploadedFile("spend.xlsx", start + bytes(range(256))))
    assert answer.status_code == 400
    assert "Save it there as CSV" in answer.content.decode()


def test_one_bad_row_and_none_is_stored(cast: Cast) -> None:
    stranger = Creative.objects.create(user_account=cast.beta, name="Secret")
    text = f"day,creative_id,campaign,amount\n2026-03-01,,ok,5\nyesterday,,x,5\n2026-03-02,{stranger.pk},,5\n"
    answer = post(cast.sam, text=text)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "2 rows cannot be meant" in page
    assert "“yesterday” is no day" in page
    assert f"creative_id: there is no {stranger.pk}." in page
    assert "Secret" not in page
    assert 'name="checked"' not in page
    assert not AdSpend.objects.exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "one of the two"),
        ({"text": "  "}, "one of the two"),
        ({"text": "amount\n5"}, "Missing: day"),
        ({"text": "day,amount\n"}, "There are no rows."),
        ({"text": 'day,amount\n"\x00'}, ""),
    ],
)
def test_what_is_no_table_is_said(cast: Cast, body: dict[str, str], said: str) -> None:
    answer = post(cast.sam, **body)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not AdSpend.objects.exists()


def test_a_file_and_text_at_once_is_refused(cast: Cast) -> None:
    answer = post(cast.sam, text=ROWS, file=SimpleUploadedFile("spend.csv", ROWS.encode()))
    assert answer.status_code == 400


def test_too_large_a_file_is_refused(cast: Cast) -> None:
    content = ROWS.encode() + b"2026-03-03,spring,1,KZT\n" * 250_000
    answer = post(cast.sam, file=SimpleUploadedFile("spend.csv", content))
    assert answer.status_code == 400
    assert "more than 5 MB" in answer.content.decode()


def test_only_what_was_looked_at_in_this_account_is_stored(cast: Cast) -> None:
    token = token_of(post(cast.sam, text=ROWS))
    for user, checked in ((cast.charlie, token), (cast.sam, token[:-2] + "xx"), (cast.sam, "")):
        answer = post(user, checked=checked)
        assert (answer.status_code, answer["Location"]) == (302, "/app/spend/upload")
    assert not AdSpend.objects.exists()


def test_what_has_gone_since_it_was_looked_at_is_told(cast: Cast) -> None:
    creative = Creative.objects.create(user_account=cast.alpha, name="Short-lived")
    token = token_of(post(cast.sam, text=f"day,creative_id,amount\n2026-03-01,{creative.pk},5\n"))
    creative.delete()
    answer = post(cast.sam, checked=token)
    assert answer.status_code == 400
    assert "Nothing was stored" in answer.content.decode()
    assert not AdSpend.objects.exists()


def test_names_are_shown_as_texts(cast: Cast) -> None:
    page = post(cast.sam, text="day,campaign,amount\n2026-03-01,<script>alert(1)</script>,5\n").content.decode()
    assert "<script>alert" not in page


def test_the_template_has_the_columns_that_an_upload_reads(cast: Cast) -> None:
    answer = client(cast.vera).get("/app/spend/template")
    header = answer.content.decode("utf-8-sig").strip()
    assert header.startswith("day,")
    assert "attachment" in answer["Content-Disposition"]
    row = header.replace("day", "2026-03-01").replace("campaign", "x").replace("amount", "5")
    cells = [cell if cell in ("2026-03-01", "x", "5") else "" for cell in row.split(",")]
    looked = post(cast.sam, text=f"{header}\n{','.join(cells)}\n")
    assert "1 row, not stored yet" in looked.content.decode()
