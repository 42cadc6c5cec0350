"""What people and strangers type, planted into every file that is opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now

from analytics.csv_cells import FORMULA_SIGNS, csv_response
from analytics.models import AdSpend, ReferralConversion, ReferralEarning, Referrer, Sale, Targetologist
from analytics.reports.spans import Basis, GroupBy
from config.environment import BASE_DIR
from leads.models import Creative, Lead, LeadStatusHistory, PipelineStage, UserAccount
from leads.tests.cast import Cast, client, make_cast

pytestmark = pytest.mark.django_db

PIPELINE = 7
REPORTS = [
    *(f"/analytics/roi?group_by={group}&basis={basis}" for group in GroupBy.values for basis in Basis.values),
    "/amocrm/qualification-stats?",
    f"/analytics/funnel?pipelineId={PIPELINE}",
]


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    for number, sign in enumerate(FORMULA_SIGNS):
        plant(cast.alpha, number, f"{sign}cmd|{number}")
    return cast


def plant(account: UserAccount, number: int, text: str) -> None:
    """A lead, its stage, creative and campaign, whom they are credited to, and what that cost: all called `text`."""
    mine: dict[str, Any] = {"user_account": account}
    creative = Creative.objects.create(**mine, name=text)
    buyer = Targetologist.objects.create(**mine, name=text, patterns=[f"buyer{number}"])
    referrer = Referrer.objects.create(**mine, name=text, phone=text, code=f"{text}{number}")
    PipelineStage.objects.create(**mine, pipeline_id=PIPELINE, status_id=number + 1, status_name=text)
    lead = Lead.objects.create(**mine, creative=creative, utm_campaign=text, utm_source=f"buyer{number}")
    history = {"amocrm_lead_id": number + 1, "to_pipeline_id": PIPELINE, "to_status_id": number + 1}
    LeadStatusHistory.objects.create(**mine, lead=lead, changed_at=now(), **history)
    money: dict[str, Any] = {**mine, "amount": Decimal(1), "currency": "KZT"}
    sale = Sale.objects.create(**money, lead=lead, sold_at=now(), utm_campaign=text, targetologist=buyer)
    earned: dict[str, Any] = {"referrer": referrer, "sale": sale, "commission_rate": 1}
    conversion = ReferralConversion.objects.create(**mine, **earned, status="active", code=text, code_key=text)
    ReferralEarning.objects.create(**money, **earned, conversion=conversion, sequence=1, kind="accrual", reason=text)
    AdSpend.objects.create(**money | {"amount": Decimal(5)}, day=now().date(), creative=creative)


def cells(answer: Any) -> list[list[str]]:
    """The file's rows, its header first."""
    assert answer["Content-Type"] == "text/csv; charset=utf-8", answer.content
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def is_number(cell: str) -> bool:
    try:
        return Decimal(cell).is_finite()
    except InvalidOperation:
        return False


def assert_harmless(rows: list[list[str]]) -> None:
    found = [cell for row in rows for cell in row if cell.startswith(FORMULA_SIGNS)]
    assert [cell for cell in found if not is_number(cell)] == []


@pytest.mark.parametrize("report", REPORTS)
def test_no_report_runs_in_a_spreadsheet(cast: Cast, report: str) -> None:
    rows = cells(client(cast.vera).get(f"{report}&format=csv"))
    assert_harmless(rows)
    assert sum("cmd|" in cell for row in rows for cell in row) >= (0 if "direction" in report else len(FORMULA_SIGNS))


def test_a_loss_stays_a_number(cast: Cast) -> None:
    header, *rows = cells(client(cast.vera).get("/analytics/roi?format=csv"))
    losses = [dict(zip(header, row, strict=True)) for row in rows]
    assert {(row["profit"], row["roi"]) for row in losses[:-1]} == {("-4.00", "-80.00")}


def test_no_list_for_the_bookkeeper_runs_in_a_spreadsheet(cast: Cast) -> None:
    root = client(cast.root)
    ids = ",".join(str(pk) for pk in Referrer.objects.values_list("pk", flat=True))
    payout = cells(root.get(reverse("admin:analytics_referrer_payout"), {"ids": ids, "format": "csv"}))
    lines = {"action": "as_csv", "_selected_action": list(ReferralEarning.objects.values_list("pk", flat=True))}
    earnings = cells(root.post(reverse("admin:analytics_referralearning_changelist"), lines, format="multipart"))
    for rows in (payout, earnings):
        assert len(rows) == len(FORMULA_SIGNS) + 1
        assert_harmless(rows)


def test_a_heading_runs_as_little_as_a_cell() -> None:
    assert cells(csv_response("x", ["=1", "a"], [["@b", None], [-1.5, "-1.5"]])) == [
        ["'=1", "a"],
        ["'@b", ""],
        ["-1.5", "'-1.5"],
    ]


def test_a_russian_spreadsheet_finds_its_columns_and_numbers() -> None:
    rows = [["Весна; лето", Decimal("-1234.50"), 3, "1.5", "=1"]]
    with translation.override("ru"):
        answer = csv_response("x", ["name", "profit", "leads", "text", "formula"], rows)
        for_a_program = csv_response("x", ["profit"], [[Decimal("1.50")], [None]], for_people=False)
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines == ["name;profit;leads;text;formula", '"Весна; лето";-1234,50;3;1.5;\'=1']
    assert for_a_program.content == b'profit\r\n1.50\r\n""\r\n'


def test_there_is_no_other_way_to_a_csv_file() -> None:
    apps = [path for app in ("config", "leads", "analytics", "integrations") for path in (BASE_DIR / app).rglob("*.py")]
    ours = [path for path in apps if "tests" not in path.parts and "csv.writer(" in path.read_text()]
    assert ours == [BASE_DIR / "analytics" / "csv_cells.py"]
