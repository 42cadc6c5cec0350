"""Bringing rows over: a dry run first, bad rows named, all or nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics.models import ReferralEarning, Referrer, Sale
from analytics.tests.world import buyer, by_code, referrer, settle, won
from leads.models import Lead, UserAccount
from leads.tests.world import account

pytestmark = pytest.mark.django_db


@pytest.fixture
def alfa() -> UserAccount:
    return account()


def bring(kind: str, path: Path, text: str | bytes, capsys: Any, *options: str) -> tuple[dict[str, Any], str]:
    path = path / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with suppress(SystemExit):
        call_command("import_csv", kind, str(path), *options)
    written = capsys.readouterr()
    return json.loads(written.out), written.err


SALES = """amount,currency,sold_at,client_name,client_phone,utm_source,utm_campaign,external_id,amocrm_deal_id
"100 000,50",KZT,2026-02-01,Aida,8 701 111 11 11,fb,tripwire,A-1,
500,USD,01.02.2026 10:30,,,ref_aida,,A-2,77
"""


def test_a_dry_run_keeps_nothing(alfa: UserAccount, tmp_path: Path, capsys: Any) -> None:
    report, said = bring("sales", tmp_path, SALES, capsys)
    assert report == {"rows": 2, "created": 2, "known": 0, "bad": 0, "committed": False}
    assert "--commit" in said
    assert not Sale.objects.exists()


def test_sales_are_brought_over_with_their_credit_and_only_once(alfa: UserAccount, tmp_path: Path, capsys: Any) -> None:
    kenesary = buyer(alfa, "Kenesary", "tripwire")
    referrer(alfa, "ref_aida")
    report, _said = bring("sales", tmp_path, SALES, capsys, "--commit")
    assert report["committed"]
    first, second = Sale.objects.order_by("external_id")
    assert (first.amount, first.targetologist, first.client_phones) == (
        Decimal("100000.50"),
        kenesary,
        ["+77011111111"],
    )
    assert first.sold_at.isoformat() == "2026-01-31T19:00:00+00:00"  # the account's midnight
    assert (second.amocrm_deal_id, second.routing_decision) == (77, "referral")
    assert ReferralEarning.objects.get().amount == Decimal(50)
    report, _said = bring("sales", tmp_path, SALES, capsys, "--commit")
    assert (report["created"], report["known"], report["bad"]) == (0, 2, 0)
    report, said = bring("sales", tmp_path, SALES.replace("A-2", "A-3"), capsys, "--commit")
    assert (report["committed"], said.startswith("row 3: ")) == (False, True)


def test_a_deals_sale_that_was_brought_over_follows_its_deal(alfa: UserAccount, tmp_path: Path, capsys: Any) -> None:
    bring("sales", tmp_path, "amount,sold_at,amocrm_deal_id\n5,2026-02-01,77\n", capsys, "--commit")
    assert settle(alfa, won(77, 10, 900, utm=by_code())).first_paid == ()
    assert Sale.objects.get().amount == Decimal(900)
    grown = "amount,sold_at,amocrm_deal_id\n5,2026-02-01,77\n6,2026-02-02,78\n"
    assert bring("sales", tmp_path, grown, capsys, "--commit")[0]["known"] == 1
    assert Sale.objects.get(amocrm_deal_id=77).amount == Decimal(900)


def test_bad_rows_are_named_and_nothing_is_kept(alfa: UserAccount, tmp_path: Path, capsys: Any) -> None:
    rows = "amount;sold_at;targetologist\n5;2026-02-01;\n\nmuch;2026-02-01;\n5;;\n5;2026-02-01;Nobody\n5;0001-01-01;\n"
    report, said = bring("sales", tmp_path, rows, capsys, "--commit")
    assert (report["rows"], report["bad"], report["committed"]) == (5, 4, False)
    assert [line.partition(":")[0] for line in said.splitlines()] == ["row 4", "row 5", "row 6", "row 7"]
    assert "Nobody" in said
    assert not Sale.objects.exists()


def test_leads_and_referrers_are_brought_over(alfa: UserAccount, tmp_path: Path, capsys: Any) -> None:
    leads = "name\tphone\tcreated_at\texternal_id\nАида\t8 701 111 11 11\t2026-02-01\tL-1\n".encode("cp1251")
    assert bring("leads", tmp_path, leads, capsys, "--commit")[0]["created"] == 1
    lead = Lead.objects.get()
    assert (lead.name, lead.phone_e164, lead.lead_at.isoformat()) == (
        "Аида",
        "+77011111111",
        "2026-01-31T19:00:00+00:00",
    )
    people = 'code,name,commission_rate\nref_a,A,"0,15"\nref_b,,\n'
    assert bring("referrers", tmp_path, people, capsys, "--commit")[0]["created"] == 2
    assert Referrer.objects.get(code="ref_a").commission_rate == Decimal("0.15")
    report, said = bring("referrers", tmp_path, "code,name\nref_c,C\nREF_A,Another\n", capsys, "--commit")
    assert (report["bad"], said.startswith("row 3: ")) == (1, True)
    assert Referrer.objects.count() == 2
    report, _said = bring("referrers", tmp_path, people + "ref_c,C,\n", capsys, "--commit")
    assert (report["created"], report["known"], report["committed"]) == (1, 2, True)


@pytest.mark.parametrize(
    "text", [b"", b"amount,colour\n1,red\n", b'amount,sold_at\n"1,2\n', b"sold_at,amount\n2026-02-01,1,5\n"]
)
def test_a_file_that_makes_no_sense_is_refused(alfa: UserAccount, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(text)
    with pytest.raises(CommandError):
        call_command("import_csv", "sales", str(path))


def test_one_of_several_accounts_must_be_named(alfa: UserAccount, tmp_path: Path) -> None:
    account(name="Beta")
    with pytest.raises(CommandError, match="--account"):
        call_command("import_csv", "sales", str(tmp_path / "x.csv"))


def test_the_ledger_is_checked(alfa: UserAccount, capsys: Any) -> None:
    referrer(alfa)
    settle(alfa, won(5, 10, 100, utm=by_code()))
    call_command("check_ledger")
    assert json.loads(capsys.readouterr().out) == {"accounts": 1, "differences": 0}
    Sale.objects.update(amount=1)
    with pytest.raises(SystemExit):
        call_command("check_ledger", "--account", str(alfa.pk))
    written = capsys.readouterr()
    assert json.loads(written.out)["differences"] == 1
    assert "due are 0.10" in written.err
