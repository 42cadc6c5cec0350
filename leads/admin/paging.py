"""Pages of lists that may have millions of rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

COUNT_LIMIT = 10_000


class CappedCount(int):
    """A count that stopped counting: prints as `10,000+`."""

    def __str__(self) -> str:
        return _("%(count)s+") % {"count": number_format(int(self), force_grouping=True)}


def capped_count(rows: QuerySet[Any]) -> int:
    """How many rows there are, up to `COUNT_LIMIT`: reads at most one more of them."""
    found = rows.order_by()[: COUNT_LIMIT + 1].count()
    return CappedCount(COUNT_LIMIT) if found > COUNT_LIMIT else found


class CappedPaginator(Paginator[Any]):
    """Counts, and so leafs through, at most 10,000 rows. Who wants an older one narrows the list by a filter."""

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, QuerySet):
            return capped_count(self.object_list)
        return len(self.object_list)
