"""What uploaded rows of spend mean, and whether they can be meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from analytics.models import Targetologist
from analytics.models.spend import MANUAL_SOURCE, named_in
from analytics.spend import cells
from analytics.spend.cells import Senseless
from analytics.spend.reading import RawRow
from analytics.spend.uploads import Checked, check_rows
from leads.models import Creative, Direction, UserAccount

NEEDED = ("day", "amount")
MAX_CAMPAIGN, MAX_SOURCE = 500, 100


@dataclass(frozen=True, slots=True)
class SpendRow:
    """What one thing cost on one day. Exactly one of `creative_id`, `direction_id`, `targetologist_id`, `campaign`."""

    day: date
    amount: Decimal
    currency: str
    creative_id: int | None = None
    direction_id: int | None = None
    targetologist_id: int | None = None
    campaign: str = ""
    impressions: int | None = None
    clicks: int | None = None
    source: str = MANUAL_SOURCE

    @property
    def what(self) -> str:
        return named_in(self)

    @property
    def identity(self) -> tuple[date, str, str]:
        return self.day, self.what, self.source


def check_spend(account: UserAccount, raw: Iterable[RawRow]) -> Checked[SpendRow]:
    """Three statements, however many rows there are."""
    return check_rows(raw, _Reader(account).read, lambda row: row.identity)


class _Reader:
    """Knows the account's creatives, directions and targetologists: another's are refused like ones that never were."""

    def __init__(self, account: UserAccount) -> None:
        self.currency = account.currency
        self._ids = {
            "creative_id": set(Creative.objects.filter(user_account=account).values_list("pk", flat=True)),
            "direction_id": set(Direction.objects.filter(user_account=account).values_list("pk", flat=True)),
        }
        people = list(Targetologist.objects.filter(user_account=account))
        with_emoji = {str(person).casefold(): person.pk for person in people}
        names = {person.name.casefold(): person.pk for person in people}
        # Names may differ in case alone: then each is found by its own spelling.
        spelt = {person.name: person.pk for person in people}
        self._people = {str(person.pk): person.pk for person in people} | with_emoji | names | spelt

    def read(self, raw: RawRow) -> SpendRow:
        found = raw.cells
        day, amount = cells.day(found.get("day")), cells.amount(found.get("amount"))
        if day is None:
            raise Senseless(_("day: missing."))
        if amount is None:
            raise Senseless(_("amount: missing."))
        creative_id, direction_id, targetologist_id, campaign = self._named(found)
        return SpendRow(
            day=day,
            amount=amount,
            currency=cells.currency(found.get("currency")) or self.currency,
            creative_id=creative_id,
            direction_id=direction_id,
            targetologist_id=targetologist_id,
            campaign=campaign or "",
            impressions=cells.whole(found.get("impressions"), "impressions"),
            clicks=cells.whole(found.get("clicks"), "clicks"),
            source=cells.text(found.get("source"), "source", MAX_SOURCE) or MANUAL_SOURCE,
        )

    def _named(self, found: Mapping[str, object]) -> tuple[int | None, int | None, int | None, str | None]:
        named = (
            self._known("creative_id", found),
            self._known("direction_id", found),
            self._targetologist(found),
            cells.text(found.get("campaign"), "campaign", MAX_CAMPAIGN),
        )
        if sum(name is not None for name in named) != 1:
            raise Senseless(_("Name one of: creative_id, direction_id, targetologist, campaign."))
        return named

    def _known(self, name: str, found: Mapping[str, object]) -> int | None:
        pk = cells.whole(found.get(name), name)
        if pk is not None and pk not in self._ids[name]:
            raise Senseless(_("%(name)s: there is no %(id)s.") % {"name": name, "id": pk})
        return pk

    def _targetologist(self, found: Mapping[str, object]) -> int | None:
        """By name, in any case, with the emoji or without, or by id."""
        typed = cells.text(found.get("targetologist"), "targetologist", MAX_CAMPAIGN)
        typed = typed or cells.text(found.get("targetologist_id"), "targetologist_id", MAX_CAMPAIGN)
        if typed is None:
            return None
        pk = self._people.get(typed) or self._people.get(typed.casefold())
        if pk is None:
            raise Senseless(_("targetologist: there is no “%(name)s”.") % {"name": typed[:100]})
        return pk
