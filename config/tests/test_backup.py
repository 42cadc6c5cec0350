"""Backup and restore as in docs/operations.md: the restored installation goes on with the backlog, and its keys fit."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from psycopg.conninfo import conninfo_to_dict

from benchmarks.scratch import scratch_database
from config.environment import BASE_DIR
from config.tests.test_end_to_end import environment
from sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, Server, serve

pytestmark = pytest.mark.end_to_end

# One process each: starting one takes longer than what it does.
BEGIN = """
from datetime import timedelta
from django.core.management import call_command
from django.utils import timezone
from integrations.models import Hook, WebhookLog
from leads.services.accounts import account_create
call_command("migrate", verbosity=0)
account = account_create(name="A", email="a@example.com", password="long evening").account
call_command("connect_token", str(account.pk), "--subdomain", "demo", "--token", "{token}")
WebhookLog.objects.create(
    user_account=account, source=Hook.AMOCRM, raw_body=b"leads[add][0][id]={deal_id}",
    content_type="application/x-www-form-urlencoded", received_at=timezone.now() - timedelta(hours=1),
)
call_command("webhook_url", str(account.pk))
"""
GO_ON = """
import json
from django.core.management import call_command
from integrations.drain.drain import drain
from integrations.drain.sweep import accounts_in_need
from integrations.models import WebhookLog
from leads.models import Lead
for account_id in accounts_in_need():
    drain(account_id, ring_again=lambda seconds: None)
print(json.dumps([
    list(WebhookLog.objects.values_list("processing_status", flat=True)),
    list(Lead.objects.values_list("amocrm_lead_id", "phone_e164")),
]))
call_command("webhook_url", str(account_id))
"""


class Machine:
    """An installation: a folder of its own, a database of its own."""

    def __init__(self, folder: Path, database_url: str, crm: Server) -> None:
        self.var_dir = folder / "var"
        self.env = environment(self.var_dir, 8000, database_url)
        self.env |= {"AMOCRM_BASE_URL": crm.url, "AMOCRM_CLIENT_ID": CLIENT_ID, "AMOCRM_CLIENT_SECRET": CLIENT_SECRET}

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=BASE_DIR, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shell(self, script: str) -> str:
        return self.manage("shell", "--verbosity", "0", "--command", script)

    def restore(self, backup: Path) -> None:
        """By the very commands of the document."""
        heading = "PostgreSQL" if self.env.get("DATABASE_URL") else "SQLite"
        told = (BASE_DIR / "docs" / "operations.md").read_text()
        found = re.search(rf"```sh\n# Restore, {heading}.*?\n(.*?)```", told, re.DOTALL)
        assert found, "the document says how to restore"
        env = self.env | {"BACKUP": str(backup)}
        subprocess.run(["bash", "-euc", found[1]], env=env, cwd=self.var_dir.parent, check=True)


@pytest.fixture
def crm() -> Iterator[Server]:
    with serve(Sandbox()) as server:
        yield server


def test_what_was_backed_up_goes_on_elsewhere_with_its_backlog_its_tokens_and_its_addresses(
    tmp_path: Path, crm: Server
) -> None:
    deal = crm.crm.demo.deals.create("Имплант", phone="+77011234567", silent=True)
    url = os.environ.get("DATABASE_URL", "")
    with scratch_database(url) as lost_url:
        lost = Machine(tmp_path / "lost", lost_url, crm)
        begin = BEGIN.format(deal_id=deal.id, token=crm.crm.long_lived_token())
        address = lost.shell(begin).splitlines()[-1]
        lost.manage("backup", str(tmp_path / "backup"))

    with scratch_database(url) as new_url:
        new = Machine(tmp_path / "new", new_url, crm)
        new.var_dir.mkdir(parents=True)
        new.restore(tmp_path / "backup")
        came_through, same_address = new.shell(GO_ON).splitlines()
        assert json.loads(came_through) == [["success"], [[deal.id, "+77011234567"]]]
        assert same_address == address


@pytest.mark.skipif(not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="of PostgreSQL")
def test_a_backup_is_of_the_server_and_by_the_ways_that_the_address_says_behind_its_question_mark(
    tmp_path: Path, crm: Server
) -> None:
    """A socket's folder, certificates and the like: whatever stands there, PostgreSQL's own programs must heed it."""
    with scratch_database(os.environ["DATABASE_URL"]) as url:
        parts = conninfo_to_dict(url)
        name = parts.pop("dbname")
        machine = Machine(tmp_path, f"postgres:///{name}?{urlencode(parts)}", crm)
        machine.manage("backup", str(tmp_path / "backup"))
    assert (tmp_path / "backup" / "voronka.dump").exists()


def test_a_backup_overwrites_nothing_and_is_its_owners_only(tmp_path: Path, crm: Server) -> None:
    with scratch_database(os.environ.get("DATABASE_URL", "")) as url:
        machine = Machine(tmp_path, url, crm)
        machine.manage("backup", str(tmp_path / "backup"))
        assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
        with pytest.raises(AssertionError, match="is there already"):
            machine.manage("backup", str(tmp_path / "backup"))


@pytest.mark.django_db
def test_of_a_backup_that_fails_nothing_is_left(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "secret_key").mkdir()  # no file to be copied
    with pytest.raises(CommandError, match="was not written"):
        call_command("backup", str(tmp_path / "backup"))
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.django_db(transaction=True)
def test_a_backup_has_its_name_once_it_is_whole(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, a kill or a power cut in the middle must not leave what could be taken for one."""

    def interrupted(source: Path, target: Path) -> None:
        assert list(target.iterdir()), "the database is there already"
        assert not (tmp_path / "backup").exists()
        raise KeyboardInterrupt

    settings.VAR_DIR = tmp_path / "var"
    settings.VAR_DIR.mkdir()
    (settings.VAR_DIR / "secret_key").write_text("key")
    monkeypatch.setattr(shutil, "copy2", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("backup", str(tmp_path / "backup"))
    assert [path.name for path in tmp_path.iterdir()] == ["var"]


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_backup_left_is_removed_by_a_later_one(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAR_DIR = tmp_path / "var"
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_options: None)  # killed before it could tidy up
    monkeypatch.setattr(Path, "rename", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("backup", str(tmp_path / "monday"))
    monkeypatch.undo()
    (left,) = tmp_path.iterdir()
    call_command("backup", str(tmp_path / "tuesday"))
    assert left.exists(), "it may still be at work"
    for path in (left, *left.rglob("*")):
        os.utime(path, (0, 0))
    call_command("backup", str(tmp_path / "wednesday"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tuesday", "wednesday"]


def test_a_place_where_no_folder_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="cannot be made"):
        call_command("backup", str(tmp_path / "file" / "backup"))
