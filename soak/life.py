"""What happens in the CRM meanwhile: deals are made, moved, won, un-won, priced, deleted, restored and merged, told or
not."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

import requests

from sandbox import LOST_STATUS_ID, WON_STATUS_ID, CrmAccount, Sandbox
from sandbox.crm.models import Deal
from soak.product import Api

CHANGES_PER_SECOND = 6.0
SILENT_SHARE = 0.05
DOUBLE_SHARE = 0.1
KINDS = {"create": 6, "move": 6, "win": 5, "lose": 1, "unwin": 2, "price": 4, "delete": 1, "restore": 1}
KINDS |= {"phone": 1, "lead": 1, "merge": 1}
# Shared by several deals: repeat purchases, and deals that find each other late.
PHONES = tuple(f"+770155500{number:02}" for number in range(20))
REFERRERS = {"ref_aida": "0.1", "ref_bolat": "0.125"}
# Never empty: a deal without UTM has those of the lead that it is matched with.
SOURCES = ("ig", "google", "REF_AIDA", "ref_bolat", "ref_nobody")
CAMPAIGNS = ("kenesary_tripwire", "Arystan-2", "muha on ai", "autumn", "")


@dataclass(frozen=True, slots=True)
class Origin:
    """The UTM that a deal was born with."""

    source: str
    campaign: str


ENTERED = Origin("site", "")
OWN_NAME = "Patient-"


class Life:
    """Lived in a thread of its own. `origins` by deal; `accepted`: the leads that were entered and answered 2xx;
    `survivors`: deals into which others went."""

    def __init__(self, crm: Sandbox, api: Api, seed: int) -> None:
        self.crm = crm
        self.demo: CrmAccount = crm.demo
        self.origins: dict[int, Origin] = {}
        self.accepted: list[str] = []
        self.survivors: set[int] = set()
        self.changes = self._made = 0
        self._api = api
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="life", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stop.wait(self._chance.expovariate(CHANGES_PER_SECOND)):
            kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
            if kind == "lead":
                self._enter_lead()
                continue
            with self.crm.lock:
                self.crm.hook_faults.double_next = int(self._chance.random() < DOUBLE_SHARE)
                self._change(kind, silent=self._chance.random() < SILENT_SHARE)
            self.changes += 1

    def _change(self, kind: str, *, silent: bool) -> None:
        deals = self.demo.deals
        if kind == "create" or (deal := self._fit_for(kind)) is None:
            self._create(silent=silent)
        elif kind == "delete":
            deals.delete(deal.id, silent=silent)
        elif kind == "restore":
            deals.restore(deal.id, silent=silent)
        elif kind == "price":
            deals.set_price(deal.id, self._price(), silent=silent)
        elif kind == "merge":
            self._merge(deal, silent=silent)
        elif kind == "phone":
            self.demo.contacts.add_phone(deal.contact_ids[0], self._phone(), silent=silent)
        elif kind == "win":
            deals.win(deal.id, price=self._price(), silent=silent)
        elif kind == "lose":
            deals.lose(deal.id, silent=silent)
        else:
            stages = {stage.id for stage in self.demo.pipelines.main.stages[1:]}
            others = sorted(stages - {deal.status_id, WON_STATUS_ID, LOST_STATUS_ID})
            deals.move(deal.id, self._chance.choice(others), silent=silent)

    def _fit_for(self, kind: str, *, but: Deal | None = None) -> Deal | None:
        """A deal to which this can happen, and to which nothing has happened in this second of amoCRM's clock."""
        now = self.crm.clock.now()
        fit = [deal for deal in self.demo.deals.by_id.values() if deal.updated_at < now and _fits(kind, deal)]
        fit = [deal for deal in fit if deal is not but]
        return self._chance.choice(fit) if fit else None

    def _merge(self, survivor: Deal, *, silent: bool) -> None:
        """Another deal goes into this one, which has its UTM from then on where it had none."""
        gone = self._fit_for("merge", but=survivor)
        if gone is None:
            return
        self.demo.deals.merge(survivor.id, gone.id, silent=silent)
        own, theirs = self.origins[survivor.id], self.origins.pop(gone.id)
        self.origins[survivor.id] = Origin(own.source, own.campaign or theirs.campaign)
        self.survivors.add(survivor.id)

    def _create(self, *, silent: bool) -> None:
        self._made += 1
        number = self._made
        origin = Origin(self._chance.choice(SOURCES), self._chance.choice(CAMPAIGNS))
        phone = self._chance.choice([self._phone(), f"8 702 {number // 10_000:03} {number % 10_000:04}", None])
        told = {"source": origin.source, "campaign": origin.campaign}
        deal = self.demo.deals.create(
            f"{OWN_NAME}{number}",
            price=self._price(),
            phone=phone,
            contact_name=f"{OWN_NAME}{number}",
            utm={key: value for key, value in told.items() if value},
            silent=silent,
        )
        self.origins[deal.id] = origin

    def _enter_lead(self) -> None:
        """By `POST /leads`, to be pushed. Without an answer it may have been taken or not: then nothing is claimed."""
        external_id = f"site-{self._chance.getrandbits(48)}"
        phone = f"+7707{self._chance.randrange(10**7):07}"
        try:
            self._api.post(
                "/leads",
                {"name": external_id, "phone": phone, "external_id": external_id, "utm_source": ENTERED.source},
            )
        except requests.RequestException:
            return
        self.accepted.append(external_id)

    def _phone(self) -> str:
        return self._chance.choice(PHONES)

    def _price(self) -> int:
        return self._chance.randint(1, 900) * 100


def _fits(kind: str, deal: Deal) -> bool:
    if deal.is_deleted or kind == "restore":
        return deal.is_deleted and kind == "restore" and deal.merged_into is None
    if kind == "merge":
        return deal.name.startswith(OWN_NAME)  # what was entered stays one deal each
    if kind == "phone":
        return bool(deal.contact_ids)
    is_won = deal.status_id == WON_STATUS_ID
    return {"unwin": is_won, "win": not is_won, "lose": not is_won, "move": not is_won}.get(kind, True)
