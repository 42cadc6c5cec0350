"""`python -m scale`: what is being done to stderr, the tables to stdout."""

from __future__ import annotations

import argparse
import os
import sys

import django

from benchmarks.scratch import scratch_folder
from sandbox import CLIENT_ID, CLIENT_SECRET
from scale.crm import customers, served
from soak.product import Product
from soak.servers import servers


def main() -> int:
    options = arguments()
    say(f"{options.accounts:,} accounts in a sandbox")
    crm, made = customers(options.accounts, options.noise)
    with scratch_folder() as folder, served(crm) as url, servers(folder) as (postgres, redis):
        del crm
        product = Product(
            folder,
            {
                "AMOCRM_BASE_URL": url,
                "AMOCRM_CLIENT_ID": CLIENT_ID,
                "AMOCRM_CLIENT_SECRET": CLIENT_SECRET,
                "DATABASE_URL": postgres.url,
                "CELERY_BROKER_URL": f"{redis.url}/0",
                "CACHE_URL": f"{redis.url}/1",
            },
        )
        os.environ |= product.env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        django.setup()
        product.manage("migrate", "--noinput", "--verbosity", "0")
        from scale.run import run  # its models want the settings that are set up by now

        try:
            for table in run(product, made, seconds=options.seconds, say=say):
                print(f"\n{table}", flush=True)
        finally:
            product.stop_all()
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scale", description="Many accounts on one machine.")
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--noise", type=int, default=20_000, help="hooks of the noisy account")
    parser.add_argument("--seconds", type=float, default=60.0, help="over which the others send theirs")
    return parser.parse_args()


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
