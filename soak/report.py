"""What the soak says at its end: what it did, what was compared, and each difference."""

from __future__ import annotations

import subprocess

from django.core.management import get_commands

from benchmarks.tables import Table
from soak.chaos import Chaos
from soak.life import Life
from soak.product import Product
from soak.verdict import Finding, Verdict

SHOWN = 20
LONGEST = 1000


def report(product: Product, chaos: Chaos, life: Life, account_id: str) -> int:
    """Print all of it. The exit code: 0 when nothing differs."""
    findings = [*Verdict(account_id, life).findings(), _deaths(product), *_own_checks(product)]
    print(_troubles(chaos))
    print(f"\n{_findings(findings)}\n\n{_surroundings(life)}")
    for finding in findings:
        for difference in finding.differences[:SHOWN]:
            print(f"DIFFERENCE  {finding.what}: {difference}")
    return int(any(finding.differences for finding in findings))


def _deaths(product: Product) -> Finding:
    """Only a SIGKILL ends a process of the product: servers that are away are waited for."""
    words = [f"{name}: {words[-LONGEST:]}" for name, words in product.ended_by_themselves]
    return Finding("processes that ended by themselves", len(words), words)


def _own_checks(product: Product) -> list[Finding]:
    """What the product's own `check_…` commands say of its books."""
    findings = []
    for command in sorted(name for name in get_commands() if name.startswith("check_")):
        try:
            said = product.manage(command).strip()
            findings.append(Finding(f"{command}: {said}", 1, []))
        except subprocess.CalledProcessError as error:
            findings.append(Finding(command, 1, (error.stderr or error.stdout).strip().splitlines()))
    return findings


def _troubles(chaos: Chaos) -> Table:
    table = Table("Troubles", ["what", "times"])
    table.rows += [(name, str(count)) for name, count in sorted(chaos.happened.items())]
    if "clock put back" not in chaos.troubles():
        table.notes.append("The clock was left alone: to move it takes a C compiler.")
    return table


def _findings(findings: list[Finding]) -> Table:
    table = Table("What came of it", ["compared", "count", "differences"])
    table.rows += [(finding.what, f"{finding.count:,}", str(len(finding.differences))) for finding in findings]
    return table


def _surroundings(life: Life) -> str:
    attempts = [attempt for delivery in life.crm.courier.deliveries for attempt in delivery.attempts]
    refused = sum(attempt.status != 200 for attempt in attempts)
    return (
        f"{life.changes:,} changes in the CRM; {len(attempts):,} attempts to deliver, {refused:,} of them without a"
        f" 200. Most requests to amoCRM in one second: {life.crm.max_in_any_second()}."
    )
