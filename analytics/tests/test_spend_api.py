from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from analytics.models import AdSpend, ExchangeRate, Targetologist
from analytics.spend.reading import MAX_ROWS
from leads.models import Creative, Direction
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

DAY = "2026-03-01"


@pytest.fixture
def video(cast: Cast) -> Creative:
    return Creative.objects.create(user_account=cast.alpha, name="Video")


def posted(cast: Cast, body: Any) -> Any:
    return client(cast.sam).post("/ad-spend", body, format="json")


def posted_csv(cast: Cast, text: str | bytes, content_type: str = "text/csv") -> Any:
    content: Any = text  # bytes as well, which the stubs do not know
    return client(cast.sam).generic("POST", "/ad-spend", content, content_type=content_type)


def spent(**values: Any) -> dict[str, Any]:
    return {"day": DAY, "campaign": "Spring", "amount": "10.00"} | values


def stored() -> list[tuple[str, Decimal]]:
    return list(AdSpend.objects.order_by("day", "what", "source").values_list("what", "amount"))


def test_a_list_is_stored_with_everything_it_says(cast: Cast, video: Creative) -> None:
    row = spent(creative_id=video.pk, amount="1234.50", currency="usd", impressions=1000, clicks="25", source="meta")
    del row["campaign"]
    answer = posted(cast, [row])
    assert (answer.status_code, answer.json()) == (200, {"created": 1, "updated": 0})
    (shown,) = client(cast.vera).get("/ad-spend").json()["results"]
    assert {"id", "created_at", "updated_at"} <= shown.keys()
    assert shown | row | {"currency": "USD", "clicks": 25} == shown
    assert (shown["direction_id"], shown["targetologist"], shown["campaign"]) == (None, None, "")


def test_a_row_names_a_creative_a_direction_a_targetologist_or_a_campaign(cast: Cast, video: Creative) -> None:
    school = Direction.objects.create(user_account=cast.alpha, name="School")
    muha = Targetologist.objects.create(user_account=cast.alpha, name="Muha", emoji="🚀")
    named: list[dict[str, Any]] = [
        {"creative_id": video.pk},
        {"direction_id": str(school.pk)},
        {"targetologist": "muha"},
        {"campaign": "Spring"},
    ]
    rows = [{"day": DAY, "amount": 1, "creative_id": None, "campaign": ""} | name for name in named]
    assert posted(cast, rows).json() == {"created": 4, "updated": 0}
    assert AdSpend.objects.filter(creative=video, direction=None).count() == 1
    assert AdSpend.objects.filter(direction=school).count() == 1
    assert AdSpend.objects.filter(targetologist=muha).count() == 1
    assert AdSpend.objects.get(campaign="Spring").currency == "KZT"
    for again in (muha.pk, "Muha 🚀"):  # as the pages write them
        row = {"day": DAY, "amount": 2, "targetologist": again}
        assert posted(cast, [row]).json() == {"created": 0, "updated": 1}


def test_two_people_whose_names_differ_in_case_alone_keep_their_spend_apart(cast: Cast) -> None:
    people = [Targetologist.objects.create(user_account=cast.alpha, name=name) for name in ("Muha", "muha")]
    rows = [{"day": DAY, "amount": 1, "targetologist": person.name} for person in people]
    assert posted(cast, rows).json() == {"created": 2, "updated": 0}
    assert {spend.targetologist for spend in AdSpend.objects.all()} == set(people)


def test_the_same_day_thing_and_source_again_replaces(cast: Cast) -> None:
    posted(cast, [spent(amount="10.00", clicks=5)])
    again = [spent(amount="20.00", campaign=" SPRING "), spent(day="2026-03-02"), spent(source="meta")]
    assert posted(cast, again).json() == {"created": 2, "updated": 1}
    assert stored() == [
        ("campaign:spring", Decimal(20)),
        ("campaign:spring", Decimal(10)),
        ("campaign:spring", Decimal(10)),
    ]
    replaced = AdSpend.objects.get(day=date(2026, 3, 1), source="manual")
    assert (replaced.campaign, replaced.clicks) == ("SPRING", None)


def test_accounts_do_not_replace_each_others(cast: Cast) -> None:
    posted(cast, [spent()])
    assert client(cast.charlie).post("/ad-spend", [spent(amount=7)]).json() == {"created": 1, "updated": 0}
    assert AdSpend.objects.get(user_account=cast.alpha).amount == 10


BAD: list[tuple[dict[str, Any], str]] = [
    ({"day": None}, "day"),
    ({"day": "2026-13-01"}, "day"),
    ({"day": "20260301"}, "day"),
    ({"day": "1970-01-01"}, "day: Use a day from 01.01.2000 to "),
    ({"day": "2999-01-01"}, "day: Use a day from 01.01.2000 to "),
    ({"day": 20260301}, "day"),
    ({"day": [DAY]}, "day"),
    ({"amount": None}, "amount"),
    ({"amount": "-1"}, "amount"),
    ({"amount": "1e3"}, "amount"),
    ({"amount": "NaN"}, "amount"),
    ({"amount": "ten"}, "amount"),
    ({"amount": "1,234,567"}, "amount"),
    ({"amount": "٣"}, "amount"),
    ({"amount": True}, "amount"),
    ({"amount": {"value": 1}}, "amount"),
    ({"amount": 10**30}, "amount"),
    ({"amount": 10**15}, "amount"),
    ({"currency": "tenge"}, "currency"),
    ({"currency": "KZ1"}, "currency"),
    ({"currency": "ТНГ"}, "currency"),
    ({"currency": 398}, "currency"),
    ({"impressions": -1}, "impressions"),
    ({"impressions": 1.5}, "impressions"),
    ({"clicks": 2**63}, "clicks"),
    ({"clicks": "many"}, "clicks"),
    ({"campaign": None}, "Name one of"),
    ({"campaign": "  "}, "Name one of"),
    ({"campaign": {}}, "campaign"),
    ({"campaign": "x" * 501}, "campaign"),
    ({"campaign": "a\x00b"}, "campaign"),
    ({"source": "x" * 101}, "source"),
    ({"creative_id": 1}, "creative_id"),
    ({"creative_id": "Video"}, "creative_id"),
    ({"direction_id": 10**25}, "direction_id"),
    ({"targetologist": "nobody"}, "targetologist"),
]


@pytest.mark.parametrize(("change", "named"), BAD, ids=str)
def test_a_bad_row_is_named_and_nothing_is_stored(cast: Cast, change: dict[str, Any], named: str) -> None:
    answer = posted(cast, [spent(), spent(day="2026-03-02") | change, spent(day="2026-03-03")])
    assert answer.status_code == 400
    (bad,) = answer.json()["rows"]
    assert (bad["row"], named in bad["detail"]) == (2, True)
    assert answer.json()["detail"]
    assert stored() == []


def test_half_a_character_is_no_campaign(cast: Cast) -> None:
    body = '[{"day": "2026-03-01", "campaign": "\\ud800", "amount": 1}]'
    answer = client(cast.sam).generic("POST", "/ad-spend", body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("number", ["1e400", "-1e400"])
def test_a_number_without_end_is_none(cast: Cast, number: str) -> None:
    body = f'[{{"day": "2026-03-01", "campaign": "a", "amount": {number}}}]'
    answer = client(cast.sam).generic("POST", "/ad-spend", body, content_type="application/json")
    assert (answer.status_code, len(answer.json()["rows"])) == (400, 1)


def test_all_bad_rows_are_named(cast: Cast) -> None:
    answer = posted(cast, [spent(amount=-1), spent(), "text", None, {}])
    assert [bad["row"] for bad in answer.json()["rows"]] == [1, 3, 4, 5]


def test_anothers_creative_is_a_bad_row(cast: Cast) -> None:
    theirs = Creative.objects.create(user_account=cast.beta, name="Theirs")
    answer = posted(cast, [{"day": DAY, "creative_id": theirs.pk, "amount": 1}])
    assert (answer.status_code, answer.json()["rows"][0]["row"]) == (400, 1)


def test_a_row_names_one_thing_only(cast: Cast, video: Creative) -> None:
    assert posted(cast, [spent(creative_id=video.pk)]).status_code == 400


def test_two_rows_of_one_thing_are_an_error_that_names_both(cast: Cast) -> None:
    answer = posted(cast, [spent(), spent(source="meta"), spent(campaign="SPRING", amount=7)])
    assert answer.json()["rows"] == [{"row": 3, "detail": "The same as row 1."}]


def test_days_ahead_are_possible_for_a_year(cast: Cast) -> None:
    today = timezone.now().date()
    assert posted(cast, [spent(day=(today + timedelta(days=30)).isoformat())]).status_code == 200
    assert posted(cast, [spent(day=(today + timedelta(days=400)).isoformat())]).status_code == 400


@pytest.mark.parametrize(
    ("amount", "value"),
    [(0, "0.00"), (1.1, "1.10"), (0.1 + 0.2, "0.30"), ("2.005", "2.01"), ("1 234,5", "1234.50"), (" 7 ", "7.00")],
)
def test_amounts_in_any_usual_spelling(cast: Cast, amount: object, value: str) -> None:
    assert posted(cast, [spent(amount=amount)]).status_code == 200
    assert AdSpend.objects.get().amount == Decimal(value)


@pytest.mark.parametrize("body", [{}, [], "text", 1, None, {"rows": []}, {"rows": {}}])
def test_what_is_no_list_is_400(cast: Cast, body: object) -> None:
    content = json.dumps(body)
    answer = client(cast.sam).generic("POST", "/ad-spend", content, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_body_may_name_the_account_beside_its_rows(cast: Cast) -> None:
    body = {"userAccountId": str(cast.beta.pk), "rows": [spent()]}
    assert client(cast.dora).post("/ad-spend", body).json() == {"created": 1, "updated": 0}
    assert AdSpend.objects.get().user_account == cast.beta


def test_viewers_do_not_write(cast: Cast) -> None:
    assert client(cast.vera).post("/ad-spend", [spent()]).status_code == 403


def test_more_rows_than_a_limit_are_refused(cast: Cast) -> None:
    answer = posted(cast, [{}] * (MAX_ROWS + 1))
    assert (answer.status_code, "too many" in answer.json()["detail"]) == (400, True)


def test_thousands_of_rows_are_a_few_statements(cast: Cast, django_assert_max_num_queries: Any) -> None:
    first = date(2020, 1, 1)
    rows = [
        spent(day=(first + timedelta(days=number // 10)).isoformat(), campaign=f"c{number % 10}")
        for number in range(3000)
    ]
    with django_assert_max_num_queries(40):
        assert posted(cast, rows).json() == {"created": 3000, "updated": 0}
    assert posted(cast, rows[1000:]).json() == {"created": 0, "updated": 2000}


# --- CSV ---


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8", "text/plain", "application/csv"])
def test_csv_is_read_by_its_header(cast: Cast, video: Creative, content_type: str) -> None:
    text = f"Day,amount,creative_id,campaign,note\n{DAY},10.50,{video.pk},,hello\n{DAY},3,,Весна,\n\n,,,,\n"
    assert posted_csv(cast, text.encode(), content_type).json() == {"created": 2, "updated": 0}
    assert stored() == [("campaign:весна", Decimal(3)), (f"creative:{video.pk}", Decimal("10.50"))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_as_spreadsheets_save_it(cast: Cast, encoding: str, delimiter: str) -> None:
    amount = '"1 234,50"' if delimiter == "," else "1 234,50"
    text = f"day,campaign,amount\r\n{DAY},Весна,AMOUNT\r\n".replace(",", delimiter).replace("AMOUNT", amount)
    assert posted_csv(cast, text.encode(encoding)).json() == {"created": 1, "updated": 0}
    assert stored() == [("campaign:весна", Decimal("1234.50"))]


def test_a_bad_row_of_a_file_is_named_with_its_line(cast: Cast) -> None:
    text = f'day,campaign,amount\n{DAY},"two\nlines",1\n\n{DAY},b,-5\n'
    (bad,) = posted_csv(cast, text).json()["rows"]
    assert (bad["row"], bad["line"]) == (2, 5)
    assert stored() == []


@pytest.mark.parametrize(
    "text", ["", "\n\n", "day,amount\n", "campaign,clicks\na,1\n", 'day,amount\n"', "\x00", "\xff"]
)
def test_a_file_that_is_none_is_400(cast: Cast, text: str) -> None:
    answer = posted_csv(cast, text.encode())
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_a_quote_that_never_ends_swallows_no_rows(cast: Cast) -> None:
    answer = posted_csv(cast, f'day,campaign,amount\n{DAY},a,1\n{DAY},"b,2\n{DAY},c,3\n'.encode())
    assert answer.status_code == 400
    assert "Line 4" in answer.json()["detail"]
    assert stored() == []


def test_an_amount_with_a_comma_that_is_not_quoted_is_not_cut(cast: Cast) -> None:
    answer = posted_csv(cast, f"day,campaign,amount\n{DAY},a,1\n{DAY},b,1234,50\n".encode())
    assert answer.status_code == 400
    assert "Line 3" in answer.json()["detail"]
    assert posted_csv(cast, f"day,campaign,amount\n{DAY},a,1,, \n".encode()).status_code == 200


def test_a_row_with_more_cells_is_named_like_every_bad_row(cast: Cast) -> None:
    answer = posted_csv(cast, f"day,campaign,amount\n{DAY},a,1\n{DAY},b,1234,50\nbad,c,1\n".encode()).json()
    assert [(row["row"], row["line"]) for row in answer["rows"]] == [(2, 3), (3, 4)]
    assert stored() == []


def test_of_two_columns_of_amounts_neither_is_guessed(cast: Cast) -> None:
    answer = posted_csv(cast, f"day,campaign,amount,Amount\n{DAY},a,1,2\n".encode())
    assert answer.status_code == 400
    assert "amount" in answer.json()["detail"]


def test_a_file_in_a_form(cast: Cast) -> None:
    file = SimpleUploadedFile("spend.csv", f"day,campaign,amount\n{DAY},a,1\n".encode(), "text/csv")
    answer = client(cast.sam).post("/ad-spend", {"file": file}, format="multipart")
    assert answer.json() == {"created": 1, "updated": 0}


def test_a_form_without_a_file_is_400(cast: Cast) -> None:
    assert client(cast.sam).post("/ad-spend", {"a": "b"}, format="multipart").status_code == 400


# --- The list ---


def test_the_list_is_filtered_by_days_and_by_what_it_names(cast: Cast, video: Creative) -> None:
    rows = [spent(), spent(day="2026-03-05"), {"day": "2026-03-05", "creative_id": video.pk, "amount": 2}]
    posted(cast, rows)

    def count(**query: Any) -> int:
        return int(client(cast.vera).get("/ad-spend", query).json()["count"])

    assert count() == 3
    assert count(**{"from": "2026-03-02", "to": "2026-03-05"}) == 2
    assert count(campaign="SPRING") == 2
    assert count(creative_id=video.pk) == 1
    assert count(source="meta") == 0
    assert client(cast.charlie).get("/ad-spend").json()["count"] == 0


# --- Exchange rates ---


def test_exchange_rates_are_entered_and_replaced(cast: Cast) -> None:
    sam = client(cast.sam)
    rates = [{"day": DAY, "currency": "usd", "rate": "503.25"}, {"day": DAY, "currency": "RUB", "rate": 5.5}]
    assert sam.post("/exchange-rates", rates).json() == {"created": 2, "updated": 0}
    text = f"day;currency;rate\n{DAY};USD;510,5\n"
    replaced = sam.generic("POST", "/exchange-rates", text, content_type="text/csv")
    assert replaced.json() == {"created": 0, "updated": 1}
    assert ExchangeRate.objects.get(currency="USD").rate == Decimal("510.5")
    shown = client(cast.vera).get("/exchange-rates?currency=usd&base_currency=kzt").json()["results"]
    assert [(row["rate"], row["base_currency"]) for row in shown] == [("510.5000000000", "KZT")]


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0},
        {"rate": -1},
        {"rate": None},
        {"rate": "x"},
        {"rate": 10**12},
        {"rate": "0.00000000001"},
        {"currency": "KZT"},
        {"currency": None},
        {"day": None},
    ],
    ids=str,
)
def test_a_senseless_rate_is_named(cast: Cast, change: dict[str, Any]) -> None:
    row = {"day": DAY, "currency": "USD", "rate": "500"} | change
    answer = client(cast.sam).post("/exchange-rates", [row])
    assert answer.status_code == 400
    assert answer.json()["rows"][0]["row"] == 1
    assert not ExchangeRate.objects.exists()
