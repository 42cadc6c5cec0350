"""`check_ledger [--account]`: compute the ledger anew from the sales. Exit code 1 where the books say otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from analytics.earning.checking import check_ledger
from leads.models import UserAccount
from leads.services.commands import CheckCommand


class Command(CheckCommand):
    help = 'Compare the ledger of commissions with the sales. Prints {"accounts", "differences"}.'

    def differences(self, account: UserAccount) -> Iterable[object]:
        return (f"sale {difference.sale_id}: {difference.what}" for difference in check_ledger(account))
