"""Whatever goes wrong with Meta, and wherever: nothing is lost, nothing counts twice, and people see why it waits."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations import http
from integrations.meta.client import MetaClient
from integrations.meta.errors import Forbidden, Outage, RateLimited, Refused, TokenDead, TooMuch, error_of
from integrations.meta.lease import due_ad_accounts, take_lease
from integrations.meta.pull import work
from integrations.meta.usage import Usage, usage_of
from integrations.models import MetaAdAccount, MetaAdDay, MetaProblem, MetaPull
from integrations.tests.meta_world import ACT, ad_account_of, ago, books, pull, spent, today
from leads.models import UserAccount
from sandbox import Fault, Server
from sandbox.meta import TOKEN, TOO_MUCH

pytestmark = pytest.mark.django_db(transaction=True)

# Each of them strikes after some good answers, in the middle of a reading.
FAULTS: dict[str, Callable[[Server], object]] = {
    "transient": lambda server: server.crm.meta.fail(2, after=4, times=2, status=500),
    "unknown": lambda server: server.crm.meta.fail(1, after=6, status=500),
    "application limit": lambda server: server.crm.meta.fail(4, after=3),
    "user limit": lambda server: server.crm.meta.fail(17, after=3, subcode=2446079),
    "calls limit": lambda server: server.crm.meta.fail(613, after=5),
    "insights limit": lambda server: server.crm.meta.fail(80000, after=2, times=3, minutes=2),
    "too much at once": lambda server: setattr(server.crm.meta, "most_days", 1),
    "too many on a page": lambda server: setattr(server.crm.meta, "most_rows", 60),
    "nearly used up": lambda server: setattr(server.crm.meta, "usage", 95),
    "cut": lambda server: server.crm.faults.arm(Fault("reset", times=3, prefix="/meta/")),
    "lost answers": lambda server: server.crm.faults.lose_answer(times=3, prefix="/meta/"),
    "half an answer": lambda server: server.crm.faults.truncate(times=2, prefix="/meta/"),
    "gateway": lambda server: server.crm.faults.answer(502, times=2, prefix="/meta/"),
    "html limit": lambda server: server.crm.faults.answer(429, times=1, prefix="/meta/", html=True),
}


@pytest.fixture
def meta(amocrm: Server, settings: Settings) -> Server:
    settings.META_API_URL, settings.META_ADS_TOKEN = f"{amocrm.url}/meta/v24.0", TOKEN
    amocrm.crm.meta.add_account(ACT)
    return amocrm


@pytest.fixture
def ads(alfa: UserAccount, meta: Server) -> MetaAdAccount:
    return ad_account_of(alfa)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_nothing_is_doubled(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount, fault: str
) -> None:
    expected = spent(meta, days=30, ads=4)
    FAULTS[fault](meta)
    pull(ads, until_done=20)
    assert books(alfa) == expected
    assert MetaAdDay.objects.count() == len(expected)
    assert (ads.problem_code, ads.problem_detail, ads.failures) == ("", "", 0)
    assert MetaPull.objects.count() == 1


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("too m")])
def test_what_passes_by_itself_is_waited_for_and_seen(ads: MetaAdAccount, meta: Server, fault: str) -> None:
    spent(meta, days=30, ads=4)
    FAULTS[fault](meta)
    waiting = pull(ads)
    assert waiting.state == MetaPull.State.RUNNING
    assert ads.problem_code in (MetaProblem.OUTAGE, MetaProblem.RATE_LIMITED)
    assert ads.problem_detail
    assert ads.problem_since is not None
    assert ads.next_pull_at > timezone.now()
    assert not due_ad_accounts().exists()


@pytest.mark.parametrize(
    ("code", "subcode", "problem"),
    [
        (190, 460, MetaProblem.TOKEN),
        (200, None, MetaProblem.FORBIDDEN),
        (10, None, MetaProblem.FORBIDDEN),
        (100, 33, MetaProblem.FORBIDDEN),
        (100, None, MetaProblem.REFUSED),
        (2635, None, MetaProblem.REFUSED),
    ],
)
def test_what_a_person_has_to_mend_ends_the_reading_and_says_so(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount, code: int, subcode: int | None, problem: MetaProblem
) -> None:
    expected = spent(meta, days=30, ads=2)
    meta.crm.meta.fail(code, subcode=subcode, after=3)
    failed = pull(ads)
    assert (failed.state, ads.problem_code) == (MetaPull.State.FAILED, problem)
    assert failed.detail == ads.problem_detail
    kept = books(alfa)
    assert set(kept) < set(expected) or not kept
    MetaAdAccount.objects.update(next_pull_at=timezone.now())
    pull(ads)
    assert (books(alfa), ads.problem_code) == (expected, "")


def test_how_long_meta_wants_us_to_wait_is_waited(ads: MetaAdAccount, meta: Server) -> None:
    meta.crm.meta.fail(80000, minutes=37)
    before = timezone.now()
    pull(ads)
    assert 36 * 60 < (ads.next_pull_at - before).total_seconds() < 38 * 60


def test_pauses_grow_while_meta_is_silent(ads: MetaAdAccount, meta: Server) -> None:
    meta.crm.faults.outage(prefix="/meta/")
    pauses = []
    for _attempt in range(9):
        before = timezone.now()
        pull(ads)
        pauses.append((ads.next_pull_at - before).total_seconds())
    assert all(later > earlier for earlier, later in itertools.pairwise(pauses[:5]))
    assert max(pauses) <= 3601
    since = ads.problem_since
    pull(ads)
    assert ads.problem_since == since


def test_a_day_that_is_too_much_even_alone_is_a_visible_problem(ads: MetaAdAccount, meta: Server) -> None:
    meta.crm.meta.most_days = 0
    waiting = pull(ads)
    assert (waiting.state, ads.problem_code) == (MetaPull.State.RUNNING, MetaProblem.OUTAGE)
    assert TOO_MUCH in ads.problem_detail


def test_a_slow_answer_is_asked_for_in_smaller_parts(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a busy machine pauses: facts, or a day alone, that come late are an outage.
    monkeypatch.setattr(http, "ANSWER_SECONDS", 5.0)
    expected = spent(meta, days=3, ads=1)
    meta.crm.faults.arm(Fault("drip", times=1, prefix=f"/meta/v24.0/act_{ACT}/insights", seconds=60.0))
    assert pull(ads).state == MetaPull.State.DONE
    assert books(alfa) == expected


def test_without_any_token_nothing_is_asked(ads: MetaAdAccount, meta: Server, settings: Settings) -> None:
    settings.META_ADS_TOKEN = ""
    pull(ads)
    assert ads.problem_code == MetaProblem.TOKEN
    assert "META_ADS_TOKEN" in ads.problem_detail
    assert not [seen for seen in meta.crm.requests if seen.kind == "meta"]


def test_a_token_that_no_header_can_hold_is_no_good_and_in_no_log(
    ads: MetaAdAccount, meta: Server, settings: Settings
) -> None:
    settings.META_ADS_TOKEN = f"{TOKEN}…"
    pull(ads)  # http.client would raise an error that quotes the token
    assert ads.problem_code == MetaProblem.TOKEN


def test_a_token_in_metas_words_is_not_passed_on(ads: MetaAdAccount, meta: Server) -> None:
    meta.crm.meta.fail(190, message=f"Error validating access token {TOKEN}: expired")
    pull(ads)
    assert TOKEN not in ads.problem_detail
    assert "expired" in ads.problem_detail


def test_a_worker_that_lost_its_lease_writes_nothing(ads: MetaAdAccount, meta: Server, alfa: UserAccount) -> None:
    spent(meta, days=3, ads=1)
    answer = meta.crm.meta.answer

    def taken_over(request: Any) -> Any:
        if "insights" in request.path:
            MetaAdAccount.objects.update(lease_key=None, lease_until=None)
            assert take_lease(ads.pk) is not None
        return answer(request)

    meta.crm.meta.answer = taken_over  # type: ignore[method-assign]
    assert work(ads.pk) is None
    assert books(alfa) == []


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"ad_id": "1", "date_start": "yesterday", "spend": "1"},
        {"ad_id": "1", "date_start": "2020-01-01", "spend": "1"},
        {"ad_id": "1", "date_start": "", "spend": "NaN"},
        {"ad_id": "1", "date_start": "today", "spend": "-3"},
        {"ad_id": "1", "date_start": "today", "spend": "1", "clicks": "many"},
        "a row",
    ],
)
def test_an_answer_that_cannot_be_read_changes_nothing(
    ads: MetaAdAccount, meta: Server, alfa: UserAccount, row: Any
) -> None:
    expected = spent(meta, days=2, ads=1)
    pull(ads)
    if isinstance(row, dict) and row.get("date_start") == "today":
        row = row | {"date_start": today().isoformat()}
    meta.crm.meta.accounts[ACT].rows[ago(0), "bad"] = row
    pull(ads)
    assert ads.problem_code == MetaProblem.OUTAGE
    assert books(alfa) == expected


def test_pages_that_go_round_in_a_circle_end(ads: MetaAdAccount, meta: Server) -> None:
    answer = meta.crm.meta.answer

    def circle(request: Any) -> Any:
        response = answer(request)
        if "insights" in request.path:
            paging = {"cursors": {"after": "MA=="}, "next": "https://graph.facebook.com/again"}
            response.body = json.dumps({"data": [], "paging": paging}).encode()
        return response

    meta.crm.meta.answer = circle  # type: ignore[method-assign]
    with pytest.raises(Outage):
        MetaClient(ads).insights(today(), today(), 25)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": 80004, "message": "too many"}}, RateLimited),
        (400, {"error": {"code": 32, "message": "too many"}}, RateLimited),
        (403, {"error": {"code": 4, "error_subcode": 1504022, "message": "too many"}}, RateLimited),
        (500, {"error": {"code": 1, "error_subcode": 99, "message": "An unknown error occurred"}}, TooMuch),
        (400, {"error": {"code": 100, "error_subcode": 1487534, "message": "…"}}, TooMuch),
        (500, {"error": {"code": 1, "message": TOO_MUCH}}, TooMuch),
        (400, {"error": {"code": 1, "message": "An unknown error occurred"}}, Outage),
        (400, {"error": {"code": 999, "message": "…", "is_transient": True}}, Outage),
        (401, {"error": {"code": 190, "message": "expired"}}, TokenDead),
        (403, {"error": {"code": 294, "message": "no ads_read"}}, Forbidden),
        (400, {"error": {"code": 100, "message": "Invalid parameter"}}, Refused),
        (400, {"error": {"code": "190"}}, Refused),
        (400, {"error": "no"}, Refused),
        (429, None, RateLimited),
        (502, None, Outage),
        (302, None, Outage),
        (404, [], Refused),
    ],
)
def test_every_answer_has_a_meaning(status: int, body: Any, kind: type[Exception]) -> None:
    assert type(error_of(status, body, Usage())) is kind


@pytest.mark.parametrize(
    ("headers", "usage"),
    [
        ({}, Usage()),
        ({"x-app-usage": '{"call_count": 12, "total_time": 40, "total_cputime": 3}'}, Usage(40.0)),
        (
            {"x-business-use-case-usage": '{"1": [{"call_count": 100, "estimated_time_to_regain_access": 19}]}'},
            Usage(100.0, 1140.0),
        ),
        ({"x-ad-account-usage": '{"acc_id_util_pct": 97.5, "reset_time_duration": 100}'}, Usage(97.5, 100.0)),
        ({"x-fb-ads-insights-throttle": '{"app_id_util_pct": 100, "acc_id_util_pct": 10}'}, Usage(100.0)),
        ({"x-app-usage": "not JSON"}, Usage()),
        ({"x-app-usage": '["call_count"]'}, Usage()),
        ({"x-app-usage": '{"call_count": "many"}'}, Usage()),
        ({"x-business-use-case-usage": '{"1": [{"call_count": NaN}, 7]}'}, Usage()),
    ],
)
def test_how_much_of_the_limit_is_used_is_read_from_every_header(headers: dict[str, str], usage: Usage) -> None:
    assert usage_of(headers) == usage
