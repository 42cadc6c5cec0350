"""Every figure of `/amocrm/qualification-stats`, computed by hand from the tables in `reports_world`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from analytics.models import Sale
from analytics.reports.figures import percent
from analytics.tests.reports_world import March, table
from leads.models import Direction, Lead
from leads.tests.cast import Cast, client

pytestmark = pytest.mark.django_db

MARCH = {"from": "2026-03-01", "to": "2026-03-31"}
# Bought: leads 1, 3 (in April), 5 and 6; of lead 2 the sale was cancelled, of lead 4 it is pending.
EXPECTED = """
creative_name | leads | qualified_leads | qualification_rate | conversions | conversion_rate
Video         | 2     | 1               | 50                 | 1           | 100
Photo         | 1     | 1               | 100                | 1           | 100
Story         | 1     | 0               | 0                  | 0           | 0
—             | 2     | 2               | 100                | 2           | 100
"""
WHOLE = {"leads": 6, "qualified_leads": 4, "qualification_rate": 66.67, "conversions": 4, "conversion_rate": 100}


def asked(cast: Cast, **query: Any) -> dict[str, Any]:
    answer = client(cast.vera).get("/amocrm/qualification-stats", MARCH | query)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_every_figure_is_as_computed_by_hand(cast: Cast, march: March) -> None:
    body = asked(cast)
    creatives = {row.pop("creative_name"): row for row in body.pop("creatives")}
    assert body == WHOLE
    for row in table(EXPECTED):
        name = row.pop("creative_name")
        numbers = {column: float(value) for column, value in row.items()}
        assert creatives.pop(name) == numbers | {"creative_id": march.key(name)}
    assert not creatives


def test_a_direction_has_its_own_leads_and_its_creatives(cast: Cast, march: March) -> None:
    body = asked(cast, directionId=march.key("School"))
    assert [row["creative_name"] for row in body["creatives"]] == ["Video", "Photo"]
    assert (body["leads"], body["qualified_leads"], body["qualification_rate"], body["conversions"]) == (3, 2, 66.67, 2)
    assert asked(cast, directionId=march.key("Camp"))["leads"] == 1


def test_deleted_leads_count_for_whoever_asks_for_them(cast: Cast, march: March) -> None:
    """Lead 7."""
    body = asked(cast, deleted="1")
    assert (body["leads"], body["qualified_leads"], body["conversions"]) == (7, 5, 4)
    assert (body["creatives"][0]["creative_name"], body["creatives"][0]["leads"]) == ("Video", 3)
    assert asked(cast, deleted="0") == asked(cast)
    refused = client(cast.vera).get("/amocrm/qualification-stats", {"deleted": "maybe"})
    assert (refused.status_code, "deleted: " in refused.json()["detail"]) == (400, True)


def test_a_lead_that_bought_twice_is_one_conversion(cast: Cast, march: March) -> None:
    lead = Lead.objects.get(amocrm_lead_id=1)
    bought = datetime(2026, 3, 25, tzinfo=cast.alpha.zone)
    Sale.objects.create(user_account=cast.alpha, lead=lead, sold_at=bought, amount=Decimal(1), currency="KZT")
    assert asked(cast)["conversions"] == 4


def test_of_nothing_the_rates_are_0(cast: Cast) -> None:
    assert asked(cast) == dict.fromkeys(WHOLE, 0) | {"creatives": []}


def test_anothers_direction_is_as_absent(cast: Cast) -> None:
    theirs = Direction.objects.create(user_account=cast.beta, name="Theirs")
    answer = client(cast.vera).get(f"/amocrm/qualification-stats?directionId={theirs.pk}")
    assert answer.status_code == 404
    assert client(cast.vera).get("/amocrm/qualification-stats?directionId=x").status_code == 400


def test_csv_ends_with_the_total(cast: Cast, march: March) -> None:
    answer = client(cast.vera).get("/api/amocrm/qualification-stats/", MARCH | {"format": "csv"})
    assert answer.content.decode().splitlines()[-1] == ",Total,6,4,66.67,4,100.0"


@pytest.mark.parametrize(("part", "whole", "rate"), [(1, 3, "33.33"), (2, 3, "66.67"), (1, 800, "0.13"), (1, 0, "0")])
def test_rates_are_rounded_half_up(part: int, whole: int, rate: str) -> None:
    assert percent(part, whole) == Decimal(rate)
