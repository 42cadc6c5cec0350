"""The keys of a report's rows: spellings that are one, and names for people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from analytics.models import Referrer, Targetologist
from analytics.models.spend import campaign_key
from analytics.reports.queries import Key
from analytics.reports.spans import GroupBy
from leads.models import Creative, Direction, UserAccount

NO_NAME = "—"


class Keys:
    """Folds the keys of rows, and remembers how campaigns were spelt: any case is one campaign."""

    def __init__(self, group_by: GroupBy) -> None:
        self.group_by = group_by
        self._spellings: dict[Key, Counter[str]] = defaultdict(Counter)

    def fold(self, key: Key, rows: int) -> Key:
        """The key under which `rows` rows are summed."""
        if not isinstance(key, str):
            return key
        folded = campaign_key(key) or None
        self._spellings[folded][key.strip()] += rows
        return folded

    def shown(self, account: UserAccount, keys: Iterable[Key]) -> dict[Key, tuple[Key, str]]:
        """(key, name) as a report shows them, by folded key."""
        if self.group_by is GroupBy.CAMPAIGN:
            return {key: (None, NO_NAME) if key is None else self._as_spelt(key) for key in keys}
        names = _names(account, self.group_by)
        return {key: (key, NO_NAME if key is None else names.get(key, str(key))) for key in keys}

    def _as_spelt(self, key: Key) -> tuple[Key, str]:
        """The spelling that most rows have; the first by alphabet of several."""
        spellings = self._spellings[key]
        name = min(spellings, key=lambda spelling: (-spellings[spelling], spelling))
        return name, name


def _names(account: UserAccount, group_by: GroupBy) -> dict[Key, str]:
    """All of the account, by one statement: there are few, and they are what the reports are about."""
    if group_by is GroupBy.REFERRER:
        rows = Referrer.objects.filter(user_account=account).values_list("pk", "name", "code")
        return {pk: name or code for pk, name, code in rows}
    if group_by is GroupBy.CREATIVE:
        return dict(Creative.objects.filter(user_account=account).values_list("pk", "name"))
    if group_by is GroupBy.DIRECTION:
        return dict(Direction.objects.filter(user_account=account).values_list("pk", "name"))
    return dict(Targetologist.objects.filter(user_account=account).values_list("pk", "name"))
