"""One soak from the first migration to the report."""

from __future__ import annotations

import sys
import time
from urllib.parse import parse_qs, urlsplit

from sandbox import CLIENT_ID, Server
from soak.chaos import Chaos
from soak.life import REFERRERS, Life
from soak.product import Api, Product, new_account, signed_in
from soak.report import report
from soak.verdict import waiting
from soak.waiting import wait_for

QUIET_SECONDS = 300.0


def soak(product: Product, chaos: Chaos, crm: Server, *, seconds: float, seed: int) -> int:
    """Trouble for `seconds`, then quiet, then the comparison. Returns the exit code.

    :raises NeverCame: the product did not start, or did not come to rest.
    """
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    product.manage("migrate", "--noinput", "--verbosity", "0")
    account_id, api = new_account(product)
    product.start_all()
    _connect(product, api, crm)
    say("connected; life begins")
    life = Life(crm.crm, api, seed)
    life.begin()
    chaos.reign(seconds, say)
    life.end()
    say("all troubles are over; waiting for quiet")
    product.start_all()
    calm = time.monotonic()
    _wait_for_quiet(crm, account_id)
    say(f"quiet after {time.monotonic() - calm:.1f} s; the last sync")
    _sync(api)
    _wait_for_quiet(crm, account_id)
    return report(product, chaos, life, account_id)


def _connect(product: Product, api: Api, crm: Server) -> None:
    for code, rate in REFERRERS.items():
        api.post("/referrers", {"code": code, "name": code, "commission_rate": rate})
    owner = signed_in(product)
    asked = owner.get(f"{product.url}/amocrm/auth", allow_redirects=False)
    (state,) = parse_qs(urlsplit(asked.headers["Location"]).query)["state"]
    consent = {"state": state, "code": crm.crm.oauth.code_for(CLIENT_ID, crm.crm.demo.id), "referer": "demo.amocrm.ru"}
    owner.get(f"{product.url}/amocrm/callback", params=consent).raise_for_status()
    wait_for("the hook is registered", lambda: api.get("/amocrm/status")["webhook_active"], seconds=60)
    wait_for("the first sync is done", lambda: api.get("/amocrm/status")["last_sync"], seconds=60)


def _sync(api: Api) -> None:
    run = api.post("/amocrm/sync-leads", {})

    def is_over() -> bool:
        return bool(api.get(f"/amocrm/sync-runs/{run['run_id']}")["state"] != "running")

    wait_for("the last sync is over", is_over, seconds=QUIET_SECONDS)


def _wait_for_quiet(crm: Server, account_id: str) -> None:
    crm.crm.courier.release()
    wait_for("all hooks are sent", lambda: crm.crm.courier.wait_idle(1, retries=True), seconds=QUIET_SECONDS)
    wait_for("nothing waits", lambda: not waiting(account_id), seconds=QUIET_SECONDS)
