"""The product behind PgBouncer as it is when it gives each transaction another connection to PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.scratch import scratch_database
from config.tests.test_backup import Machine
from config.tests.test_end_to_end import free_port, wait_for
from sandbox import Sandbox, serve

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="of PostgreSQL"),
    pytest.mark.skipif(not shutil.which("pgbouncer"), reason="no PgBouncer here"),
]

# As docs/operations.md has it, and two connections that take turns.
CONFIG = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
ignore_startup_parameters = options
min_pool_size = 2
default_pool_size = 2
server_round_robin = 1
"""
# Deliveries that are stored one after the other, and read a few at a time, with another question between.
READ_AND_STORE = """
import json
from django.db import connection
from integrations.intake.signature import Sender
from integrations.intake.store import Arrival, store
from integrations.models import Hook, WebhookLog
from leads.services.accounts import account_create
account = account_create(name="A", email="a@example.com", password="long evening").account
sender = Sender(account.pk, Hook.AMOCRM, account.hook_key_version)
fresh = []
for n in range(6):
    store([Arrival(sender, b"%d" % n)])
    fresh.append(id(connection.connection))
read = []
for log in WebhookLog.objects.order_by("pk").iterator(chunk_size=2):
    WebhookLog.objects.count()
    read.append(bytes(log.raw_body).decode())
print(json.dumps([read, len(set(fresh))]))
"""


@contextmanager
def pooled(url: str, folder: Path) -> Iterator[str]:
    """The address of the same database by way of a PgBouncer."""
    server, port = urlsplit(url), free_port()
    config = folder / "pgbouncer.ini"
    own = "user = postgres\n" if os.getuid() == 0 else ""  # PgBouncer refuses to be root
    config.write_text(CONFIG.format(server=_conninfo(url), port=port) + own)
    with subprocess.Popen(["pgbouncer", "--quiet", str(config)]) as pooler:
        try:
            wait_for("PgBouncer", lambda: _listens(port))
            yield urlunsplit(server._replace(netloc=f"{server.username}@127.0.0.1:{port}"))
        finally:
            pooler.kill()


def _conninfo(url: str) -> str:
    """Of the server, without its database."""
    return make_conninfo(**{name: str(value) for name, value in conninfo_to_dict(url).items() if name != "dbname"})


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with (
        serve(Sandbox()) as crm,
        scratch_database(os.environ["DATABASE_URL"]) as url,
        pooled(url, tmp_path) as address,
    ):
        yield Machine(tmp_path, address, crm)


def test_behind_a_pooler_that_forgets_all_goes_on_and_nothing_is_tried_in_vain(machine: Machine) -> None:
    machine.manage("migrate", "--noinput", "--verbosity", "0")
    read, connections = json.loads(machine.shell(READ_AND_STORE).splitlines()[-1])
    assert read == ["0", "1", "2", "3", "4", "5"]
    assert connections == 1  # a statement that failed costs the connection


def test_a_backup_through_a_pooler_is_refused(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the server's own address"):
        machine.manage("backup", str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()
