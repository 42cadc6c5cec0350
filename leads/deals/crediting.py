"""The creative of a deal that was met only in amoCRM: the one that its utm_content names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone

from leads.deals.stored import repeats_of
from leads.models import Creative, Lead, LeadSource, UserAccount

BATCH = 1_000


class CreativesOfContent:
    """The creatives that the deals of these rows name: by external ad id, else by name."""

    def __init__(self, account: UserAccount, leads: Iterable[Lead]) -> None:
        contents = {_content(lead) for lead in leads if lead.source == LeadSource.AMOCRM}
        contents.discard("")
        named = Q(external_ad_id__in=contents) | Q(name__in=contents)
        found = list(Creative.objects.filter(named, user_account=account).order_by("-id")) if contents else []
        self._of: dict[str, Creative] = {creative.name: creative for creative in found}
        self._of |= {creative.external_ad_id: creative for creative in found if creative.external_ad_id}

    def credit(self, lead: Lead) -> None:
        creative = self._of.get(_content(lead))
        if creative is not None:
            lead.creative_id, lead.direction_id = creative.pk, creative.direction_id
        elif lead.creative_id is not None:
            lead.creative_id = lead.direction_id = None  # both were those of what was named before


def credit_waiting(account: UserAccount, contents: Collection[str]) -> None:
    """Credit the deals that named one of `contents` before there was such a creative, and their repeats. Needs the
    account's lock. A hundred thousand take seconds of the database, and no more memory than a few.
    """
    waiting = Lead.objects.filter(user_account=account, source=LeadSource.AMOCRM, creative=None).order_by()
    ids = list(waiting.filter(utm_content__in=contents).values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        # What was credited meanwhile, as the repeat of another, waits no more.
        _credit(account, waiting.filter(id__among=ids[start : start + BATCH]))


def _credit(account: UserAccount, waiting: QuerySet[Lead]) -> None:
    named = [lead for lead in waiting.only("source", "deal_utm", "creative", "direction") if _content(lead)]
    creatives = CreativesOfContent(account, named)
    for lead in named:
        creatives.credit(lead)
    credited = {lead.pk: (lead.creative_id, lead.direction_id) for lead in named if lead.creative_id is not None}
    # They have what their origin has, also those that came to a creative by a UTM of their own for want of that.
    repeats = repeats_of(account, list(credited)).values_list("pk", "origin_lead_id")
    credited |= {pk: credited[origin] for pk, origin in repeats if origin is not None}
    of_creative: dict[tuple[int | None, int | None], list[int]] = defaultdict(list)
    for pk, credit in credited.items():
        of_creative[credit].append(pk)
    for (creative_id, direction_id), ids in of_creative.items():
        Lead.objects.filter(id__among=ids).update(
            creative_id=creative_id, direction_id=direction_id, updated_at=timezone.now()
        )


def _content(lead: Lead) -> str:
    """The deal's own: what a repeat inherits was its origin's to name a creative by."""
    return str(lead.deal_utm.get("content") or "")
