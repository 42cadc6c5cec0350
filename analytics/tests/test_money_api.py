"""The API of sales and referrals, seen from outside."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db.models.signals import post_init
from django.utils import timezone

from analytics.earning import purchases, referrers
from analytics.earning.purchases import purchase_save
from analytics.earning.referrers import link_token, referrer_of_token, rotate_link
from analytics.models import ReferralEarning, Sale
from analytics.tests.world import CODE, buyer, by_code, lost, referrer, sale_of, settle, won
from leads.models import Creative, Lead, UserAccount
from leads.news import Utm
from leads.tests.cast import Cast, client
from leads.tests.world import at, contact, others_first, response

pytestmark = pytest.mark.django_db

AIDA = "+77011111111"


def get(cast: Cast, path: str, **query: Any) -> Any:
    answer = client(cast.vera).get(path, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(answer: Any) -> list[int]:
    return sorted(row["amocrm_deal_id"] for row in answer["results"])


@pytest.fixture
def sold(cast: Cast) -> Cast:
    buyer(cast.alpha, "Кенесары", "tripwire", emoji="👑")
    referrer(cast.alpha, name="Мадина")
    settle(
        cast.alpha,
        won(5, 10, 100_000, utm=Utm(source="fb", campaign="tripwire_test"), contact_ids=(9,)),
        won(6, 86_400, 150_000, utm=by_code("REF_test123")),
        won(7, 20, 7, utm=Utm(source="google_organic")),
        lost(7, 30),
        contact(9, "8 701 111 11 11", name="Aida"),
    )
    settle(cast.alpha, won(8, 5, 1, utm=Utm(source="google_organic")))
    settle(cast.alpha, lost(8, 30))
    settle(cast.beta, won(5, 10, 1))
    return cast


def test_a_sale_as_the_contract_words_it(sold: Cast) -> None:
    [row] = get(sold, "/sales", amocrm_deal_id=5)["results"]
    expected = {
        "amocrm_deal_id": 5,
        "amount": "100000.00",
        "currency": "KZT",
        "status": "paid",
        "sold_at": "2026-03-01T09:00:10Z",
        "client_name": "Aida",
        "client_phone": AIDA,
        "utm_campaign": "tripwire_test",
        "targetologist": "Кенесары",
        "referrer": None,
        "routing_decision": "traffic",
        "is_manual": False,
    }
    assert {key: row[key] for key in expected} == expected
    [row] = get(sold, "/api/sales/", amocrm_deal_id=6)["results"]
    assert (row["referrer"], row["targetologist"], row["routing_decision"]) == (CODE, None, "referral")


@pytest.mark.parametrize(
    ("query", "deals"),
    [
        ({}, [5, 6, 8]),
        ({"status": "paid"}, [5, 6]),
        ({"status": "cancelled"}, [8]),
        ({"targetologist": "кенесары"}, [5]),
        ({"targetologist": "none"}, [6, 8]),
        ({"targetologist": "nobody of this name"}, []),
        ({"referrer": "Ref_TEST123"}, [6]),
        ({"referrer": "999999999"}, []),
        ({"from": "2026-03-02"}, [6]),
        ({"to": "2026-03-01"}, [5, 8]),
        ({"routing_decision": "unknown"}, [8]),
        ({"phone": "8 701 111-11-11"}, [5]),
        ({"search": "aida"}, [5]),
        ({"utm_campaign": "tripwire_test"}, [5]),
        ({"manual": "1"}, []),
    ],
)
def test_sales_are_filtered(sold: Cast, query: dict[str, Any], deals: list[int]) -> None:
    assert ids(get(sold, "/sales", **query)) == deals


def test_sales_are_filtered_by_the_ids_of_people(sold: Cast) -> None:
    assert ids(get(sold, "/sales", targetologist=sale_of_5(sold)["targetologist_id"])) == [5]
    [person] = get(sold, "/referrers")["results"]
    assert ids(get(sold, "/sales", referrer=person["id"])) == [6]


def test_sales_are_filtered_by_a_referrers_name(sold: Cast) -> None:
    assert ids(get(sold, "/sales", referrer="мадина")) == [6]
    assert ids(get(sold, "/sales", referrer="мад")) == []


def sale_of_5(cast: Cast) -> Any:
    return get(cast, "/sales", amocrm_deal_id=5)["results"][0]


def test_a_list_of_sales_costs_the_same_whatever_its_length(sold: Cast, django_assert_max_num_queries: Any) -> None:
    settle(sold.alpha, *(won(deal_id, 10, 100, utm=by_code()) for deal_id in range(100, 140)))
    caller = client(sold.vera)
    with django_assert_max_num_queries(7):
        assert len(caller.get("/sales", {"page_size": 50}).json()["results"]) == 43


def test_a_purchase_by_hand_is_credited_like_any_sale(sold: Cast) -> None:
    answer = client(sold.sam).post(
        "/sales",
        {"amount": "5000", "client_phone": "8 702 222 22 22", "utm_source": CODE, "utm_campaign": "tripwire"},
    )
    assert answer.status_code == 201
    row = answer.json()
    assert (row["amount"], row["currency"], row["status"], row["amocrm_deal_id"]) == ("5000.00", "KZT", "paid", None)
    assert (row["routing_decision"], row["targetologist"], row["referrer"]) == ("both", "Кенесары", CODE)
    assert row["is_manual"]
    line = ReferralEarning.objects.get(sale_id=row["id"])
    assert (line.kind, line.amount) == ("accrual", Decimal(500))


def test_a_purchase_takes_from_its_lead_what_it_leaves_open(sold: Cast) -> None:
    lead = response(sold.alpha, AIDA, name="Aida", utm_campaign="tripwire")
    row = client(sold.sam).post("/sales", {"amount": "1", "lead_id": lead.pk}).json()
    assert (row["client_name"], row["client_phone"], row["targetologist"]) == ("Aida", AIDA, "Кенесары")


def test_a_purchase_is_changed_and_the_ledger_follows(sold: Cast) -> None:
    caller = client(sold.sam)
    sale_id = caller.post("/sales", {"amount": "100", "status": "pending", "utm_source": CODE}).json()["id"]
    for body in ({"status": "paid"}, {"amount": "200"}, {"status": "cancelled"}):
        assert caller.patch(f"/sales/{sale_id}", body).status_code == 200
    lines: Any = ReferralEarning.objects.filter(sale_id=sale_id).order_by("id").values_list("kind", "amount")
    assert list(lines) == [("accrual", 10), ("adjustment", 10), ("reversal", -20)]


def test_two_who_change_a_purchase_at_once_both_do(sold: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = client(sold.sam)
    made = caller.post("/sales", {"amount": "500", "utm_source": CODE}).json()
    others_first(monkeypatch, purchases, lambda: caller.patch(f"/sales/{made['id']}", {"amount": "700"}))
    changed = caller.patch(f"/sales/{made['id']}", {"client_name": "Aida"}).json()
    assert (changed["client_name"], changed["amount"], changed["commission"]) == ("Aida", "700.00", "70.00")


def test_the_same_external_id_again_is_the_same_purchase(sold: Cast) -> None:
    caller = client(sold.sam)
    first = caller.post("/sales", {"amount": "100", "external_id": "A-1"})
    again = caller.post("/sales", {"amount": "777", "external_id": "A-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_of_two_that_send_one_external_id_at_once_both_get_the_first_ones(sold: Cast) -> None:
    caller = client(sold.sam)

    def overtake(**event: Any) -> None:
        post_init.disconnect(overtake, sender=Sale)
        caller.post("/sales", {"amount": "700", "external_id": "A-1"})

    post_init.connect(overtake, sender=Sale)
    answer = caller.post("/sales", {"amount": "500", "external_id": "A-1"})
    assert (answer.status_code, answer.json().get("amount")) == (200, "700.00")


def test_a_purchases_currency_may_be_typed_in_any_case(cast: Cast) -> None:
    assert client(cast.sam).post("/sales", {"amount": "1", "currency": "usd"}).json()["currency"] == "USD"


@pytest.mark.parametrize(
    ("zone", "moment"),
    [("America/New_York", "2026-03-08T05:00:00Z"), ("Pacific/Kiritimati", "2026-03-07T10:00:00Z")],
)
def test_a_purchase_of_a_plain_day_is_of_that_day_in_the_accounts_zone(cast: Cast, zone: str, moment: str) -> None:
    UserAccount.objects.filter(pk=cast.alpha.pk).update(timezone=zone)
    answer = client(cast.sam).post("/sales", {"amount": "1", "sold_at": "2026-03-08"}).json()
    assert answer["sold_at"] == moment
    assert get(cast, "/sales", **{"from": "2026-03-08", "to": "2026-03-08"})["count"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"amount": "-1"},
        {"amount": "1", "sold_at": "0001-01-01"},
        {"amount": "x"},
        {"amount": "1000000000000000"},
        {"amount": "1", "currency": "tenge"},
        {"amount": "1", "status": "lost"},
        {"amount": "1", "lead_id": 999_999},
        {"amount": "1", "sold_at": "yesterday"},
        {"amount": "1", "sold_at": "0001-01-01T00:00:00Z"},
        {"amount": "1", "sold_at": "9999-12-31T23:59:59Z"},
    ],
)
def test_a_senseless_purchase_is_refused(cast: Cast, body: dict[str, Any]) -> None:
    answer = client(cast.sam).post("/sales", body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert not Sale.objects.exists()


def test_the_largest_amount_that_is_taken_can_be_listed(cast: Cast) -> None:
    api = client(cast.sam)
    assert api.post("/sales", {"amount": "999999999999999.99"}).status_code == 201
    day = {"day": "2026-03-01", "campaign": "Spring"}
    assert api.post("/ad-spend", [day | {"amount": "999999999999999.99"}]).status_code == 200
    assert [api.get(path).status_code for path in ("/sales", "/ad-spend", "/analytics/roi")] == [200, 200, 200]


def test_a_purchase_of_anothers_lead_is_refused(cast: Cast) -> None:
    theirs = Lead.objects.create(user_account=cast.beta, name="Theirs")
    assert client(cast.sam).post("/sales", {"amount": "1", "lead_id": theirs.pk}).status_code == 400


def test_of_a_deals_sale_only_the_targetologist_can_be_changed(sold: Cast) -> None:
    row = get(sold, "/sales", amocrm_deal_id=8)["results"][0]
    person = sale_of_5(sold)["targetologist_id"]
    caller = client(sold.sam)
    assert caller.patch(f"/sales/{row['id']}", {"amount": "1"}).status_code == 400
    changed = caller.patch(f"/sales/{row['id']}", {"targetologist_id": person}).json()
    assert (changed["targetologist"], changed["is_assigned"]) == ("Кенесары", True)


@pytest.mark.parametrize("body", ["null", "5", '"targetologist_id"', "[]", "[{}]", '["targetologist_id"]'])
def test_what_is_no_object_changes_no_sale(sold: Cast, body: str) -> None:
    answer = client(sold.sam).patch(f"/sales/{sale_of(8).pk}", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_referrers_are_kept(cast: Cast) -> None:
    caller = client(cast.sam)
    settle(cast.alpha, won(5, 10, 100, utm=by_code()))
    made = caller.post("/referrers", {"code": CODE, "name": "Aida", "phone": "8701", "commission_rate": "0.25"})
    assert made.status_code == 201
    row = made.json()
    assert (row["commission_rate"], row["accrued"], row["paid"], row["balance"]) == ("0.2500", "25.00", "0.00", "25.00")
    assert row["currency"] == "KZT"
    assert caller.post("/referrers", {"code": CODE.upper()}).status_code == 409
    changed = caller.patch(f"/referrers/{row['id']}", {"commission_rate": None}).json()
    assert (changed["commission_rate"], changed["has_own_rate"]) == ("0.1000", False)
    [listed] = get(cast, "/referrers")["results"]
    assert (listed["code"], listed["balance"]) == (CODE, "25.00")
    other = caller.post("/referrers", {"code": "ref_other"}).json()
    assert caller.patch(f"/referrers/{other['id']}", {"code": CODE.lower()}).status_code == 409


def test_a_link_that_is_replaced_while_the_referrer_is_changed_stays_void(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = client(cast.sam)
    aida = referrer(cast.alpha)
    old = link_token(aida)
    others_first(monkeypatch, referrers, lambda: rotate_link(aida))
    assert caller.patch(f"/referrers/{aida.pk}", {"name": "Aida"}).json()["name"] == "Aida"
    assert referrer_of_token(old) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": ""},
        {"code": "AIDA"},
        {"code": "ref_"},
        {"code": "ref_a b"},
        {"code": "ref_" + 150 * "İ"},  # twice as long in lower case
        {"code": CODE, "commission_rate": "10"},
    ],
)
def test_a_senseless_referrer_is_refused(cast: Cast, body: dict[str, Any]) -> None:
    answer = client(cast.sam).post("/referrers", body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_conversions_and_earnings(sold: Cast) -> None:
    settle(sold.alpha, won(9, 10, 100, utm=by_code("ref_nobody")))
    waiting, active = get(sold, "/referrals/conversions")["results"]
    assert (waiting["code"], waiting["referrer"], waiting["status"]) == ("ref_nobody", None, "waiting")
    assert (active["code"], active["referrer"], active["status"]) == ("REF_test123", CODE, "active")
    assert (active["amocrm_deal_id"], active["amount"], active["commission"]) == (6, "150000.00", "15000.00")
    [line] = get(sold, "/referrals/earnings", referrer=CODE.lower())["results"]
    assert (line["kind"], line["amount"], line["currency"], line["paid_at"]) == ("accrual", "15000.00", "KZT", None)
    assert (line["conversion_id"], line["sale_id"]) == (active["id"], active["sale_id"])
    assert get(sold, "/referrals/conversions", status="reversed")["results"] == []
    assert get(sold, "/referrals/earnings", paid="1")["results"] == []


def test_a_targetologists_sales_of_the_day_the_week_and_the_month(sold: Cast) -> None:
    utm = Utm(campaign="tripwire")
    settle(sold.alpha, won(11, 20, 1, utm=utm), won(12, 86_400 * 5, 2, utm=utm))
    settle(sold.alpha, won(13, 86_400 * 6 + 20, 4, utm=utm), currency="USD")
    person = sale_of_5(sold)["targetologist_id"]
    with time_machine.travel(at(86_400 * 6 + 60), tick=False):  # Saturday, the 7th of March
        answer = get(sold, f"/targetologists/{person}/sales")
    assert answer["day"] == {"sales": 1, "amounts": [{"currency": "USD", "amount": "4.00"}]}
    assert answer["week"]["sales"] == 2
    assert answer["month"] == {
        "sales": 4,
        "amounts": [{"currency": "KZT", "amount": "100003.00"}, {"currency": "USD", "amount": "4.00"}],
    }
    assert [row["amocrm_deal_id"] for row in answer["last"]] == [13, 12, 11, 5]
    assert answer["last"][0]["utm_campaign"] == "tripwire"


def test_another_accounts_money_is_absent(sold: Cast) -> None:
    caller = client(sold.charlie)
    assert [row["amount"] for row in caller.get("/sales").json()["results"]] == ["1.00"]
    theirs = sale_of_5(sold)["id"]
    assert caller.get(f"/sales/{theirs}").status_code == 404
    assert caller.get("/referrers").json()["count"] == 0
    assert caller.get("/referrals/earnings").json()["count"] == 0
    assert sale_of(6).amount == Decimal(150_000)


def test_a_targetologists_page_is_for_members_only(sold: Cast) -> None:
    person = sale_of_5(sold)["targetologist_id"]
    page = client(sold.vera).get(f"/app/targetologists/{person}")
    assert page.status_code == 200
    shown = page.content.decode()
    assert "Кенесары 👑" in shown
    assert "tripwire_test" in shown
    assert "100,000" in shown
    assert client(sold.charlie).get(f"/app/targetologists/{person}").status_code == 404
    assert client().get(f"/app/targetologists/{person}").status_code == 302


def test_a_targetologist_sees_which_creatives_earned_and_each_leads_to_its_sales(sold: Cast) -> None:
    Creative.objects.create(user_account=sold.alpha, name="banner")
    Creative.objects.create(user_account=sold.alpha, name="video")
    banner, video = Utm(campaign="tripwire", content="banner"), Utm(campaign="tripwire", content="video")
    settle(sold.alpha, won(11, 20, 500, utm=banner), won(12, 30, 700, utm=banner), won(13, 40, 900, utm=video))
    person = sale_of_5(sold)["targetologist_id"]
    caller = client(sold.vera)
    with time_machine.travel(at(86_400 * 6), tick=False):
        shown = caller.get(f"/app/targetologists/{person}").content.decode()
        found = re.findall(r'<a href="([^"]+)">([^<]+)</a></td>\s*<td class="num" data-label="Sales">(\d+)</td>', shown)
        assert [(name, count) for _url, name, count in found] == [("No creative", "1"), ("banner", "2"), ("video", "1")]
        for url, _name, count in found:
            rows = caller.get(html.unescape(url)).content.decode()
            assert rows.count('<td class="lead-cell">') == int(count)
    with time_machine.travel(at(86_400 * 40), tick=False):
        assert "banner" not in caller.get(f"/app/targetologists/{person}").content.decode().partition("Last sales")[0]


def test_a_purchase_is_found_by_its_phone_in_any_spelling(cast: Cast) -> None:
    purchase_save(
        Sale(
            user_account=cast.alpha,
            amount=Decimal(1),
            currency="KZT",
            sold_at=timezone.now(),
            client_phone="8 701 555 44 33",
        )
    )
    assert client(cast.vera).get("/sales", {"phone": "+7 (701) 555-44-33"}).json()["count"] == 1


def test_the_filter_by_referrer_finds_what_the_rows_say(cast: Cast) -> None:
    referrer(cast.alpha)
    settle(cast.alpha, won(5, 10, 1000, utm=by_code()))
    assert client(cast.vera).get("/sales", {"referrer": CODE}).json()["count"] == 1
    settle(cast.alpha, won(5, 20, 1000, utm=Utm(source="fb", campaign="x")))
    assert client(cast.vera).get("/sales", {"referrer": CODE}).json()["count"] == 0


def test_a_referrers_name_and_phone_that_are_null_are_none(cast: Cast) -> None:
    made = client(cast.sam).post("/referrers", {"code": CODE, "name": None, "phone": None})
    assert (made.status_code, made.json()["name"], made.json()["phone"]) == (201, "", "")
    named = client(cast.sam).patch(f"/referrers/{made.json()['id']}", {"name": "Anna"}).json()
    assert (named["name"], named["phone"]) == ("Anna", "")
