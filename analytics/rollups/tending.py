"""Which accounts' lines have to be looked after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q

from analytics.models.rollups import RollupState
from analytics.rollups.folding import refresh
from analytics.rollups.ledgers import LEDGERS
from leads.models import UserAccount
from leads.turns import turn_of


def tend(*, seconds: float) -> None:
    """Fold and rebuild, account by account, for as long as there is time."""
    ends = time.monotonic() + seconds
    for account in accounts_in_need():
        left = ends - time.monotonic()
        if left < 0:
            return
        with turn_of(account.pk, "rollups"):
            refresh(account, seconds=left)
    _discard_orphans()


def accounts_in_need() -> Iterator[UserAccount]:
    """Those with loose lines, and those whose lines say nothing."""
    of_account = {"user_account": OuterRef("pk")}
    whole = RollupState.objects.filter(**of_account, timezone=OuterRef("timezone"), currency=OuterRef("currency"))
    loose = [Q(Exists(ledger.rollup.objects.filter(**of_account, is_folded=False))) for ledger in LEDGERS]
    return UserAccount.objects.filter(reduce(or_, loose, ~Q(Exists(whole)))).order_by("pk").iterator()


def _discard_orphans() -> None:
    """Lines of accounts that were deleted: their last rows left such as take them away."""
    account = UserAccount.objects.filter(pk=OuterRef("user_account_id"))
    for ledger in LEDGERS:
        gone = ledger.rollup.objects.filter(~Exists(account), is_folded=False).values("user_account_id")
        for account_id in list(gone.distinct().values_list("user_account_id", flat=True)):
            ledger.rollup.objects.filter(user_account_id=account_id).delete()
