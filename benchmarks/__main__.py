"""`python -m benchmarks`: the tables go to stdout, what is being done to stderr."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.options import Options
from benchmarks.scratch import scratch_database, scratch_folder

PREFIX = "bench_"
FIRST = ("intake", "drain", "requests")


def main() -> int:
    parts = parts_present()
    given = arguments(parts)
    chosen = [part for part in parts if not given.parts or part in given.parts or "all" in given.parts]
    url = os.environ.get("DATABASE_URL", "")
    with scratch_folder() as folder, scratch_database(url) as database_url:
        set_up(folder, database_url)
        print(header(url))
        options = Options(given.seconds, given.rounds, given.events, given.rows)
        for part in chosen:
            print(f"{part} …", file=sys.stderr, flush=True)
            for table in importlib.import_module(f"benchmarks.{PREFIX}{part}").run(options):
                print(f"\n{table}", flush=True)
        tear_down()
    return 0


def parts_present() -> list[str]:
    """The names of all parts, those that build on nothing first."""
    folder = str(Path(__file__).parent)
    names = {module.name.removeprefix(PREFIX) for module in pkgutil.iter_modules([folder]) if PREFIX in module.name}
    return [*FIRST, *sorted(names.difference(FIRST))]


def arguments(parts: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the product beside its peers.")
    parser.add_argument("parts", nargs="*", metavar="part", choices=[*parts, "all", []], help=", ".join(parts))
    default = Options()
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of load per measurement")
    parser.add_argument("--rounds", type=int, default=default.rounds, help="of each measurement; the median counts")
    parser.add_argument("--events", type=int, default=default.events, help="deliveries to be drained")
    parser.add_argument("--rows", type=int, default=default.rows, help="of the big tables")
    return parser.parse_args()


def set_up(folder: Path, database_url: str) -> None:
    """The product as on a fresh machine: its defaults, an empty database, and nothing of this machine's `.env`."""
    os.environ |= {
        "VAR_DIR": str(folder),
        "ENV_FILE": os.devnull,
        "DATABASE_URL": database_url,
        # What is measured must not ring in a broker that others listen to.
        "CELERY_BROKER_URL": "",
        "CACHE_URL": "",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    import django
    from django.core.management import call_command

    from config.garbage import spare_what_started

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    spare_what_started()  # as web and worker do


def tear_down() -> None:
    from django.db import connection

    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


def header(url: str, module: str = "benchmarks") -> str:
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    where = "PostgreSQL" if url.startswith("postgres") else "SQLite"
    again = f"DATABASE_URL=postgres://… {command}" if where == "PostgreSQL" else command
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"# Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {where}\n\n"
        f"{machine}; load average before: {load}. Load, server and database share the cores.\n"
        f"Again: `{again}`"
    )


if __name__ == "__main__":
    sys.exit(main())
