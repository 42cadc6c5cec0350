"""The receivers: how each is started, and where its rows stand."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from benchmarks.servers import ROOT, Server, free_port, running, serving
from integrations.intake.signature import hook_url
from integrations.models import Hook
from leads.models import UserAccount

HERE = Path(__file__).parent
PRODUCT_TABLE, PEER_TABLE = "webhook_logs", "peer_deliveries"
PEER_SCHEMA = f"""
    CREATE TABLE {PEER_TABLE} (
        id bigserial PRIMARY KEY,
        received_at timestamptz NOT NULL DEFAULT now(),
        user_id uuid NOT NULL,
        content_type text NOT NULL,
        body text NOT NULL,
        status text NOT NULL DEFAULT 'received'
    )
"""


@dataclass(frozen=True, slots=True)
class Receiver:
    name: str
    server: Server
    url: str
    table: str

    def rows(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table}")
            return int(cursor.fetchone()[0])

    def empty(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {self.table} CASCADE")


@contextmanager
def product(account: UserAccount) -> Iterator[Receiver]:
    with serving("config.asgi") as server:
        path_and_query = hook_url(account, Hook.AMOCRM).partition("://")[2].partition("/")[2]
        yield Receiver("Voronka", server, f"{server.url}/{path_and_query}", PRODUCT_TABLE)


@contextmanager
def plain_django(account: UserAccount, folder: Path) -> Iterator[Receiver]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4"]
    command.append("benchmarks.peers.plain_django")
    # Not from our folder: there gunicorn would find the product's own settings.
    with running(command, port, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}) as server:
        yield _peer("plain Django, full middleware, objects.create", server, account)


@contextmanager
def fastify(account: UserAccount, *, answers_first: bool, writes_outcome: bool) -> Iterator[Receiver]:
    port = free_port()
    answer, outcome = "first" if answers_first else "last", "written" if writes_outcome else "not written"
    env = os.environ | {"PORT": str(port), "ANSWER": answer, "OUTCOME": outcome}
    with running(["node", "fastify.js"], port, cwd=HERE, env=env) as server:
        work = "INSERT, UPDATE" if writes_outcome else "INSERT"
        name = f"Fastify + pg, 200 first, then {work}" if answers_first else f"Fastify + pg, {work}, then 200"
        yield _peer(name, server, account)


@contextmanager
def node_red(account: UserAccount, folder: Path) -> Iterator[Receiver]:
    port = free_port()
    command = ["node", "node_modules/node-red/red.js", "--settings", "node_red.cjs", "--userDir", str(folder)]
    with running(command, port, cwd=HERE, env=os.environ | {"PORT": str(port)}) as server:
        yield _peer("Node-RED, http in, INSERT, http response", server, account)


def _peer(name: str, server: Server, account: UserAccount) -> Receiver:
    return Receiver(name, server, f"{server.url}/?user_id={account.pk}", PEER_TABLE)
