"""Migrations that are undone: nobody's advice, but it must not cost the rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scratch import scratch_database
from config.environment import BASE_DIR
from config.tests.test_end_to_end import environment

pytestmark = pytest.mark.end_to_end

THERE_AND_BACK = """
from decimal import Decimal
from django.core.management import call_command
from django.utils import timezone
from analytics.models import Sale, SaleStatus
from leads.services.accounts import account_create
call_command("migrate", verbosity=0)
account = account_create(name="A", email="a@example.com", password="long evening").account
paid = {"status": SaleStatus.PAID, "sold_at": timezone.now(), "currency": "KZT"}
Sale.objects.create(user_account=account, amount=Decimal("100.50"), **paid)
for before_the_indexes in (("analytics", "0010"), ("integrations", "0014"), ("leads", "0011")):
    call_command("migrate", *before_the_indexes, verbosity=0)
call_command("migrate", verbosity=0)
print(Sale.objects.get().amount)
"""


def test_indexes_that_come_back_take_no_table_along(tmp_path: Path) -> None:
    with scratch_database(os.environ.get("DATABASE_URL", "")) as url:
        command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", THERE_AND_BACK]
        env = environment(tmp_path / "var", 8000, url)
        done = subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "100.50", done.stderr
