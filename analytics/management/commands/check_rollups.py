"""`check_rollups [--account]`: compare the rollups with the rows. Exit code 1 where they say something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analytics.rollups.checking import check_rollups
from analytics.rollups.folding import is_folded
from leads.models import UserAccount
from leads.services.commands import CheckCommand


class Command(CheckCommand):
    help = 'Compare what reports read with the rows. Prints {"accounts", "folded", "differences"}.'

    def differences(self, account: UserAccount) -> Iterable[object]:
        return check_rollups(account)

    def said_of(self, accounts: Sequence[UserAccount]) -> Mapping[str, object]:
        return {"folded": sum(map(is_folded, accounts))}
