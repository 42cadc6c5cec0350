"""Law 2 for money, through real deliveries: any order and repetition of won, lost, price, delete and restore, drained
at any moments and by dying workers, gives one right sale per deal and a ledger that sums to what it should.
"""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Count, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.earning.checking import check_ledger
from analytics.models import ReferralConversion, ReferralEarning, Referrer, Sale, Targetologist
from integrations.models import AmoCRMConnection, Hook, SaleNotification
from integrations.tests.killing import drain_until_killed
from integrations.tests.world import connect, deliver, drain_all, statuses
from leads.models import UserAccount
from leads.news import WON_STATUS_ID
from sandbox import CrmAccount, Sandbox, Server

EVENTS = ["add_lead", "update_lead", "status_lead", "delete_lead", "restore_lead"]
RATES = {"ref_a": Decimal("0.1"), "ref_b": Decimal("0.0333")}
UTMS: tuple[dict[str, str], ...] = (
    {"source": "ref_a", "campaign": "tripwire"},
    {"source": "REF_B"},
    {"source": "ref_nobody"},
    {"source": "fb", "campaign": "tripwire_test"},
    {"source": "google_organic"},
)
CENT = Decimal("0.01")
PRICES = (0, 1, 99.55, 333, 150_000)


class Life:
    """Deals of an amoCRM account that somebody works on, and what amoCRM tells of it."""

    def __init__(self, chance: random.Random, crm: Sandbox, demo: CrmAccount) -> None:
        self.chance, self.crm, self.demo = chance, crm, demo
        self.utm: dict[int, dict[str, str]] = {}
        for _deal in range(chance.randint(1, 3)):
            crm.clock.advance(chance.randint(1, 50))
            utm = chance.choice(UTMS)
            deal = demo.deals.create("deal", price=chance.choice(PRICES), utm=utm, phone="+77011111111")
            self.utm[deal.id] = utm

    def step(self) -> None:
        """Someone changes something, maybe within the same second as before."""
        self.crm.clock.advance(self.chance.choice([0, 1, 30]))
        deal_id = self.chance.choice(list(self.utm))
        deals = self.demo.deals
        if deals.by_id[deal_id].is_deleted:
            deals.restore(deal_id)
            return
        match self.chance.randint(0, 6):
            case 0 | 1 | 2:
                deals.win(deal_id, price=self.chance.choice([None, *PRICES]))
            case 3:
                deals.lose(deal_id)
            case 4:
                deals.move(deal_id, self.demo.pipelines.main.stages[1].id)
            case 5:
                deals.set_price(deal_id, self.chance.choice(PRICES))
            case _:
                deals.delete(deal_id)

    def told(self) -> list[str]:
        return [one.body for one in self.crm.courier.deliveries if one.account_id == self.demo.id]


def begin(chance: random.Random, server: Server, number: int) -> Life:
    """Deals in an amoCRM account of their own, so that examples do not meet."""
    server.crm.hook_faults.lose_all = True
    server.crm.switches.deleted_lead_read = chance.choice([200, 204])
    demo = server.crm.add_account(f"money{number}-{len(server.crm.accounts)}")
    demo.profile.has_minor_units = True
    demo.pipelines.add("Клиника", ["Новая", "В работе"])
    demo.subscribe("http://127.0.0.1:9/", EVENTS)
    return Life(chance, server.crm, demo)


def right_sales(life: Life) -> dict[int, tuple[Any, ...]]:
    """By the CRM's own word: what every paid sale has to be."""
    return {
        deal.id: (Decimal(str(deal.price)), deal.closed_at, life.utm[deal.id]["source"])
        for deal in life.demo.deals.by_id.values()
        if deal.status_id == WON_STATUS_ID and not deal.is_deleted
    }


def paid_sales(account: UserAccount) -> dict[int | None, tuple[Any, ...]]:
    paid = Sale.objects.filter(user_account=account, status="paid")
    return {sale.amocrm_deal_id: (sale.amount, int(sale.sold_at.timestamp()), sale.utm_source) for sale in paid}


def right_earnings(life: Life) -> dict[str, Decimal]:
    """Computed anew, from the CRM alone."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for amount, _sold_at, source in right_sales(life).values():
        if rate := RATES.get(source.lower()):
            sums[source.lower()] += (rate * amount).quantize(CENT, ROUND_HALF_UP)
    return {code: amount for code, amount in sums.items() if amount}


def earnings(account: UserAccount) -> dict[str, Decimal]:
    sums = ReferralEarning.objects.filter(user_account=account).values_list("referrer__code").annotate(Sum("amount"))
    # SQLite adds decimals up as floating point numbers.
    exact = ((code, amount.quantize(CENT)) for code, amount in sums.order_by())
    return {code: amount for code, amount in exact if amount}


def ledger(account: UserAccount) -> list[tuple[int, Decimal]]:
    return list(ReferralEarning.objects.filter(user_account=account).order_by("pk").values_list("pk", "amount"))


def agency(life: Life, server: Server) -> UserAccount:
    AmoCRMConnection.objects.all().delete()
    account = UserAccount.objects.create(name="Alfa")
    connect(account, server, life.demo)
    for code, rate in RATES.items():
        Referrer.objects.create(user_account=account, code=code, commission_rate=rate)
    Targetologist.objects.create(user_account=account, name="Kenesary", patterns=["tripwire"])
    return account


def assert_right(account: UserAccount, life: Life) -> None:
    assert paid_sales(account) == right_sales(life)
    assert earnings(account) == right_earnings(life)
    assert list(check_ledger(account)) == []
    sales = Sale.objects.filter(user_account=account)
    assert sales.values("amocrm_deal_id").distinct().count() == sales.count()
    assert not ReferralConversion.objects.values("sale").annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert SaleNotification.objects.filter(user_account=account).count() <= sales.count()
    assert set(statuses(account)) <= {"success"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), number=st.integers(1, 10**9), kills=st.integers(0, 3))
def test_any_order_and_repetition_of_deliveries_gives_one_right_sale(
    transactional_db: None, amocrm: Server, chance: random.Random, number: int, kills: int
) -> None:
    life = begin(chance, amocrm, number)
    account = agency(life, amocrm)

    # While the deals live on, some of what was told arrives, in any order, and is worked on.
    for _moment in range(chance.randint(0, 12)):
        life.step()
        for body in chance.sample(life.told(), min(len(life.told()), chance.randint(0, 2))):
            deliver(account, body, hook=chance.choice(list(Hook)))
        if kills and chance.random() < 0.3:
            kills -= 1
            drain_until_killed(account, chance.randint(1, 60))
        elif chance.random() < 0.6:
            drain_all(account)

    # In the end everything has arrived, much of it twice.
    late = life.told() + chance.choices(life.told(), k=len(life.told()) // 2)
    chance.shuffle(late)
    for body in late:
        deliver(account, body)
    drain_all(account)
    assert_right(account, life)

    # And all of it again changes nothing, not a line of the ledger.
    lines = ledger(account)
    for body in chance.sample(life.told(), len(life.told())):
        deliver(account, body)
    drain_all(account)
    assert_right(account, life)
    assert lines == list(
        ReferralEarning.objects.filter(user_account=account).order_by("pk").values_list("pk", "amount")
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), number=st.integers(1, 10**9))
def test_money_is_right_as_soon_as_a_change_was_told(
    transactional_db: None, amocrm: Server, chance: random.Random, number: int
) -> None:
    """Also when the change came within the very second in which the deal was read."""
    life = begin(chance, amocrm, number)
    account = agency(life, amocrm)
    known = 0
    for _moment in range(chance.randint(1, 10)):
        life.step()
        fresh = life.told()[known:]
        known += len(fresh)
        for body in chance.sample(fresh, len(fresh)):
            deliver(account, body)
        drain_all(account)
        assert_right(account, life)
