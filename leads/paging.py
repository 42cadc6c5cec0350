"""Pages of lists that may have millions of rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

COUNT_LIMIT = 10_000
PAGES_LIMIT = 100_000
FEW = 1_000


class CappedCount(int):
    """A count that stopped counting: prints as `10,000+`."""

    def __str__(self) -> str:
        return _("%(count)s+") % {"count": number_format(int(self), force_grouping=True)}


def capped_count(rows: QuerySet[Any], most: int = COUNT_LIMIT) -> int:
    """How many rows there are, up to `most`: reads at most one more of them."""
    found = rows.order_by().values("pk")[: most + 1].count()
    return CappedCount(most) if found > most else found


class KeysFirst(Paginator[Any]):
    """Finds out by their keys which rows a page has. The database forms each row that is skipped, or sorted where no
    index has the order, with what it is joined to and what is computed of it; of an index with all that is asked for it
    need not even look at them. Where there are few rows that is not worth a statement."""

    is_few = False

    def _get_page(self, rows: Any, *args: Any) -> Any:
        if isinstance(rows, QuerySet) and isinstance(self.object_list, QuerySet) and not self.is_few:
            rows = self.object_list.filter(pk__in=list(rows.values_list("pk", flat=True)))
        return super()._get_page(rows, *args)  # type: ignore[misc]


class CappedPaginator(KeysFirst):
    """Counts, and so leafs through, at most `most` rows. Who wants a further one narrows the list by a filter.

    Where a search finds few rows they are looked for once, and in no order: asked for the newest of them, the database
    goes through all rows from the newest on, one by one, and would do so again to count them.
    """

    most = COUNT_LIMIT

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, QuerySet):
            return len(self.object_list)
        keys = list(self.object_list.order_by().values_list("pk", flat=True)[: FEW + 1])
        if len(keys) > FEW:
            return capped_count(self.object_list, self.most)
        self.object_list = self.object_list.filter(pk__in=keys)
        self.is_few = True
        return len(keys)

    @property
    def is_cut(self) -> bool:
        return isinstance(self.count, CappedCount)


class CappedPages(CappedPaginator):
    """Of our own pages. A figure of a report leads there, and is to be found again as long as the count is cheap."""

    most = PAGES_LIMIT
