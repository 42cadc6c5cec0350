"""`python -m soak`: what happens to stderr, the findings to stdout. Ends 1 where something is amiss."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django

from benchmarks.scratch import scratch_folder
from sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, Server, serve
from soak.chaos import Chaos
from soak.hosts import HERE, Network, cabled
from soak.product import PROCESSES, Product
from soak.servers import servers
from soak.waiting import NeverCame

# amoCRM's five minutes between two attempts of a hook are one second here.
HOOK_TIME_SCALE = 1 / 300
TOKEN_SECONDS = 20
DATABASE, BROKER = "database", "broker"
HOSTS = (DATABASE, BROKER, *PROCESSES)


SERVERS_HELP = "PostgreSQL and Redis, or none, or both and each process on a host of its own (as root)"


def main() -> int:
    options = arguments()
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder())
        hosts = stack.enter_context(cabled(HOSTS)) if options.servers == "hosts" else None
        crm = stack.enter_context(serve(_sandbox(), host=hosts.gate if hosts else "127.0.0.1"))
        product, chaos = stack.enter_context(_world(folder, crm, hosts, options))
        try:
            from soak.run import soak  # its models want the settings that are set up by now

            return soak(product, chaos, crm, seconds=options.seconds, seed=options.seed)
        except NeverCame as reason:
            print(f"NOT DONE: {reason}\n{product.log_tails()}", file=sys.stderr)
            return 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description="The product in bad weather, then compared.")
    parser.add_argument("--seconds", type=float, default=120.0, help="of troubles")
    parser.add_argument("--seed", type=int, default=1, help="of the troubles and of what happens in the CRM")
    parser.add_argument("--servers", choices=["own", "embedded", "hosts"], default="own", help=SERVERS_HELP)
    return parser.parse_args()


def _sandbox() -> Sandbox:
    crm = Sandbox(
        hook_time_scale=HOOK_TIME_SCALE,
        hook_disable_after=1_000_000,
        block_after=0,
        access_token_seconds=TOKEN_SECONDS,
        # A pair that a killed worker was given and could not keep is lost, where amoCRM's way is the stricter one.
        kommo_refresh=True,
    )
    # As long as the soak lasts no delivery is forgotten.
    crm.courier.deliveries = deque()
    return crm


@contextmanager
def _world(
    folder: Path, crm: Server, network: Network | None, options: argparse.Namespace
) -> Iterator[tuple[Product, Chaos]]:
    env = {
        "AMOCRM_BASE_URL": crm.url,
        "AMOCRM_CLIENT_ID": CLIENT_ID,
        "AMOCRM_CLIENT_SECRET": CLIENT_SECRET,
        "AMOCRM_BLOCK_PROBE_SECONDS": "3",
        "TELEGRAM_API_URL": f"{crm.url}/telegram",
        "TELEGRAM_BOT_TOKEN": "soak-bot",
        "TELEGRAM_CHAT_ID": "1",
    }
    with ExitStack() as stack:
        postgres = redis = None
        hosts = network.hosts if network else {}
        if options.servers != "embedded":
            postgres, redis = stack.enter_context(servers(folder, hosts.get(DATABASE, HERE), hosts.get(BROKER, HERE)))
            env |= {"DATABASE_URL": postgres.url, "CELERY_BROKER_URL": f"{redis.url}/0", "CACHE_URL": f"{redis.url}/1"}
        product = Product(folder, env, hosts)
        # This process looks into the same database, through the product's own models.
        os.environ |= product.env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        django.setup()
        stack.callback(product.stop_all)
        yield product, Chaos(product, crm, postgres, redis, network, random.Random(options.seed))


if __name__ == "__main__":
    sys.exit(main())
