"""A month of one account that a person can compute by hand, as tables.

The account is Almaty's (UTC+5), its currency the tenge; 1 USD = 500 KZT on 16 March. The days asked are those of March.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from analytics.models import (
    AdSpend,
    ConversionStatus,
    ExchangeRate,
    ReferralConversion,
    Referrer,
    Sale,
    Targetologist,
)
from leads.models import Creative, Direction, Lead, UserAccount

# Video and Photo are of the direction School, Story of none. Muha's pattern is “onai”, Traf4's “alex”.
LEADS = """
no | came             | creative | direction | utm_source  | utm_campaign | qualified | deleted
1  | 2026-03-01 00:00 | Video    | School    | fb          | OnAI_spring  | yes       |
2  | 2026-03-05 12:00 | Video    | School    | fb          | onai_SPRING  |           |
3  | 2026-03-31 23:59 | Photo    |           | alex        | Summer       | yes       |
4  | 2026-03-10 12:00 | Story    | Camp      |             |              |           |
5  | 2026-03-12 12:00 |          |           | REF_aida    |              | yes       |
6  | 2026-03-15 12:00 |          |           | ref_unknown | OnAI_spring  | yes       |
7  | 2026-03-15 12:00 | Video    | School    | fb          | OnAI_spring  | yes       | yes
8  | 2026-02-28 23:59 | Video    | School    | fb          | OnAI_spring  | yes       |
9  | 2026-04-01 00:00 | Photo    | School    | alex        | Summer       |           |
"""

# Of lead 8 before March, of lead 3 after it; one without a lead was entered by hand.
SALES = """
lead | sold             | amount    | currency | status    | utm_campaign | targetologist | referrer
1    | 2026-03-20 12:00 | 100000.00 | KZT      | paid      | OnAI_spring  | Muha          |
3    | 2026-04-02 12:00 | 50000.00  | KZT      | paid      | Summer       | Traf4         |
5    | 2026-03-13 12:00 | 30000.00  | KZT      | paid      |              |               | ref_AIDA
8    | 2026-03-02 12:00 | 80000.00  | KZT      | paid      | OnAI_spring  | Muha          |
6    | 2026-03-16 23:30 | 10.00     | USD      | paid      | OnAI_spring  | Muha          |
2    | 2026-03-07 12:00 | 999.00    | KZT      | cancelled | onai_SPRING  | Muha          |
     | 2026-03-08 12:00 | 7000.00   | KZT      | paid      | Summer       |               |
4    | 2026-03-11 12:00 | 1234.00   | KZT      | pending   |              |               |
"""

SPEND = """
day        | creative | direction | targetologist | campaign    | amount   | currency
2026-03-01 | Video    |           |               |             | 10000.00 | KZT
2026-03-31 | Photo    |           |               |             | 5000.00  | KZT
2026-03-10 |          | Camp      |               |             | 4000.00  | KZT
2026-03-15 |          |           |               | onai_spring | 3000.00  | KZT
2026-03-16 |          |           | Muha          |             | 20.00    | USD
2026-02-28 | Video    |           |               |             | 999.00   | KZT
2026-04-01 | Photo    |           |               |             | 999.00   | KZT
"""


def table(text: str) -> list[dict[str, str]]:
    """Rows of a table of texts, by the names in its first line."""
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [dict(zip(header, cells, strict=True)) for cells in lines]


@dataclass(frozen=True)
class March:
    account: UserAccount
    things: dict[str, Any]
    """Creatives, directions, targetologists by name, referrers by code."""

    def key(self, name: str) -> int | None:
        return None if name == "—" else int(self.things[name].pk)


def make_march(account: UserAccount) -> March:
    things = _things(account)
    march = March(account, things)
    leads = {row["no"]: _lead(march, row) for row in table(LEADS)}
    Lead.objects.bulk_create(leads.values())
    sales = [_sale(march, row, leads.get(row["lead"])) for row in table(SALES)]
    Sale.objects.bulk_create(sales)
    for sale, row in zip(sales, table(SALES), strict=True):
        if row["referrer"]:
            _credit(march, sale, row["referrer"])
    for row in table(SPEND):
        _spend(march, row).save()  # which says what it was spent on
    rate(account, "USD", date(2026, 3, 16), "500")
    # Another agency has the same patterns and codes.
    neighbour = UserAccount.objects.create(name="Neighbour", currency=account.currency)
    Targetologist.objects.create(user_account=neighbour, name="Theirs", patterns=["onai", "alex"])
    Referrer.objects.create(user_account=neighbour, code="ref_AIDA", name="Theirs")
    rate(neighbour, "USD", date(2026, 3, 16), "1")
    return march


def rate(account: UserAccount, currency: str, day: date, value: str) -> ExchangeRate:
    return ExchangeRate.objects.create(
        user_account=account, currency=currency, base_currency=account.currency, day=day, rate=Decimal(value)
    )


def local(account: UserAccount, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=account.zone)


def _things(account: UserAccount) -> dict[str, Any]:
    school = Direction.objects.create(user_account=account, name="School")
    camp = Direction.objects.create(user_account=account, name="Camp")
    things: dict[str, Any] = {"School": school, "Camp": camp}
    for name, direction in (("Video", school), ("Photo", school), ("Story", None)):
        things[name] = Creative.objects.create(user_account=account, name=name, direction=direction)
    for name, pattern in (("Muha", "onai"), ("Traf4", "alex")):
        things[name] = Targetologist.objects.create(user_account=account, name=name, patterns=[pattern])
    things["ref_AIDA"] = Referrer.objects.create(user_account=account, code="ref_AIDA", name="Aida")
    return things


def _lead(march: March, row: dict[str, str]) -> Lead:
    return Lead(
        user_account=march.account,
        amocrm_lead_id=int(row["no"]),
        amocrm_created_at=local(march.account, row["came"]),
        creative=march.things.get(row["creative"]),
        direction=march.things.get(row["direction"]),
        utm_source=row["utm_source"],
        utm_campaign=row["utm_campaign"],
        is_qualified=bool(row["qualified"]),
        is_deleted=bool(row["deleted"]),
    )


def _sale(march: March, row: dict[str, str], lead: Lead | None) -> Sale:
    return Sale(
        user_account=march.account,
        lead=lead,
        amocrm_deal_id=lead.amocrm_lead_id if lead else None,
        sold_at=local(march.account, row["sold"]),
        amount=Decimal(row["amount"]),
        currency=row["currency"],
        status=row["status"],
        utm_campaign=row["utm_campaign"],
        targetologist=march.things.get(row["targetologist"]),
    )


def _credit(march: March, sale: Sale, code: str) -> None:
    ReferralConversion.objects.create(
        user_account=march.account,
        sale=sale,
        code=code,
        code_key=code.lower(),
        referrer=march.things[code],
        status=ConversionStatus.ACTIVE,
    )


def _spend(march: March, row: dict[str, str]) -> AdSpend:
    named = {name: march.things[row[name]] for name in ("creative", "direction", "targetologist") if row[name]}
    return AdSpend(
        user_account=march.account,
        day=date.fromisoformat(row["day"]),
        amount=Decimal(row["amount"]),
        currency=row["currency"],
        campaign=row["campaign"],
        **named,
    )
