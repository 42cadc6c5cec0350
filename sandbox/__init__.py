"""A stand-in amoCRM, Telegram and Meta: for the demo, the tests and the benchmarks. It imports nothing of the product.

    python -m sandbox --port 8100 --seed-demo        then open http://127.0.0.1:8100/

In Python::

    from sandbox import Sandbox, serve

    with serve(Sandbox(requests_per_second=7)) as server:
        server.url                                  # for AMOCRM_BASE_URL; TELEGRAM_API_URL is url + "/telegram",
                                                    # META_API_URL is url + "/meta/v24.0"
        crm = server.crm                            # the Sandbox, safe from any thread
        crm.long_lived_token()                      # a Bearer token for the account `demo`
        crm.oauth.code_for("sandbox-client", crm.demo.id)       # as if a person had consented
        crm.oauth.pair_for(crm.demo.id, "sandbox-client")       # an access and a refresh token outright
        crm.oauth.revoke(crm.demo.id, "sandbox-client")

        demo = crm.demo                             # or crm.add_account("second"), crm.account("demo")
        demo.profile.is_api_filter_enabled = True   # the paid filters; off at first
        demo.subscribe("http://…/hook", ["add_lead", "update_lead", "status_lead"])     # hooks, as the API does
        deal = demo.deals.create("Имплант", price=100_000, phone="8 701 123 45 67", utm={"source": "ig"})
        demo.deals.move(deal.id, status_id)         # also set_price, set_fields, win, lose, delete, restore, merge
        demo.unsorted.add("С сайта", phone="8 701 …")           # also accept, decline
        demo.contacts.add_phone(contact_id, "+7…")  # also create, change, delete, restore
        demo.deals.win(deal.id, silent=True)        # any change without a hook
        demo.pipelines.add("Вторая", ["Новая", "В работе"])     # first_stage(pipeline_id), main, add_stage
        seed_bulk(demo, 100_000)                    # many deals at once, deterministic, no hooks

        crm.courier.wait_idle()                     # every hook has had its first attempt
        crm.courier.deliveries                      # what was sent: body, fields, attempts, state
        crm.hook_faults.lose_next = 1               # delay_seconds, double_next, shuffle, silent_next, off…
        crm.faults.outage()                         # answer(500), latency, truncate, drip, lose_answer; clear()
        server.refuse_connections()                 # nobody listens; accept_connections()
        crm.limits.block(demo.id, "sandbox-client") # 403 until crm.limits.lift()
        crm.set_switches({"kommo_refresh": True})   # see crm/switches.py
        crm.clock.advance(86_400)                   # tokens grow old
        crm.requests, crm.max_in_any_second(), crm.journal.counts("api")
        crm.telegram.messages, crm.telegram.fail(429, retry_after=2)
        crm.meta.add_account("1001", currency="USD")            # its token is sandbox-meta-token
        crm.meta.spend("1001", date.today(), "ad-7", "12.30", campaign="Spring")
        crm.meta.fail(17), crm.meta.usage = 95, crm.meta.most_days = 1

Over HTTP the same is under `/_sandbox/` (see `control/`).
"""

from .crm.account import CrmAccount
from .crm.models import LOST_STATUS_ID, WON_STATUS_ID
from .crm.switches import Switches
from .faults import Fault
from .sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox
from .seed import seed_bulk, seed_demo
from .web.server import Server, serve

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "LOST_STATUS_ID",
    "WON_STATUS_ID",
    "CrmAccount",
    "Fault",
    "Sandbox",
    "Server",
    "Switches",
    "seed_bulk",
    "seed_demo",
    "serve",
]
