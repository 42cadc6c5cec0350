"""Deals merged into one. amoCRM tells which deal remained; which one went into it has to be found.

What belonged to the deal that is gone follows the one that remained: the ad response, the history, the phones, the
sale with its commission. The deal that is gone keeps a deleted row that says where it went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from analytics.models import DealTelling, Sale
from integrations.amocrm.entities import deals_in
from integrations.models import SyncGap
from integrations.sync.scanning import ORDER
from integrations.sync.session import Session
from integrations.sync.trash import bin_of
from leads.clock import shared_now
from leads.deals.placing import deal_of, put_deal
from leads.deals.stored import leads_by_deal
from leads.models import DealPhone, Lead, LeadSource, MatchMethod, StageNews
from leads.news import DealSnapshot
from leads.told import told

MERGED_INTO = "Merged into "


@dataclass(frozen=True, slots=True)
class Merge:
    """What the event says: into which deal, and when."""

    survivor_id: int
    at: datetime


def settle_merges(session: Session, merges: Mapping[str, Merge]) -> None:
    """Find what was merged away, and let it follow. A merge that was settled before is left alone, and so is one of
    which a run before this has found nothing.

    :param merges: by their events' ids.
    """
    before = session.cursor.get("merges", [])
    alike = Counter(merges.values())  # several deals may go into one within a second
    unresolved: list[tuple[Merge, DealSnapshot | None]] = []
    for event_id, merge in sorted(merges.items(), key=lambda one: one[1].at):
        if event_id in before or _is_settled(session, merge, alike[merge]):
            continue
        survivor = session.reader.client.deals([merge.survivor_id]).get(merge.survivor_id)
        gone = _gone(session, _relatives(session, merge, survivor), merge) if survivor else []
        for deal_id in gone:
            _follow(session, deal_id, survivor, merge)
        if not gone:
            unresolved.append((merge, survivor))
    if unresolved:
        _settle_by_sweep(session, unresolved)
    session.remember(merges=sorted(merges))


def _is_settled(session: Session, merge: Merge, times: int) -> bool:
    written = SyncGap.objects.filter(user_account=session.account, what=SyncGap.What.MERGED, changed_at=merge.at)
    return written.filter(after__in=[f"deal {merge.survivor_id}", ""]).count() >= times


def _relatives(session: Session, merge: Merge, survivor: DealSnapshot | None) -> list[int]:
    """Deals of ours that share a contact or a phone with the survivor: amoCRM offers such for merging."""
    heir = Lead.objects.filter(user_account=session.account, amocrm_lead_id=merge.survivor_id).first()
    phones = heir.contact_phones if heir else []
    of_phone = DealPhone.objects.filter(user_account=session.account, phone_e164__in=phones).values("amocrm_lead_id")
    contacts = set(survivor.contact_ids if survivor else ())
    related = Q(amocrm_contact_id__in=contacts) | Q(amocrm_lead_id__in=of_phone)
    return _candidates(session, related, but=merge.survivor_id)


def _candidates(session: Session, related: Q, *, but: int = 0) -> list[int]:
    since = session.moment("heard_since") or session.run.started_at
    # One that a hook called deleted of late may have been merged: hooks do not tell the two apart.
    alive = Q(is_deleted=False) | Q(is_deleted=True, updated_at__gte=since)
    leads = _of_this_crm(session).filter(alive, related).exclude(amocrm_lead_id=but)
    return [deal_id for deal_id in leads.values_list("amocrm_lead_id", flat=True) if deal_id is not None]


def _of_this_crm(session: Session) -> QuerySet[Lead]:
    """Leads whose deals are not known to have been merged away. Those of an amoCRM account that was connected before
    are not there either, and nobody has merged them."""
    leads = Lead.objects.filter(user_account=session.account, amocrm_lead_id__isnull=False)
    spans = (_met_between(since, until) for since, until in session.connection.own_spans)
    return leads.filter(reduce(or_, spans)).exclude(match_detail__startswith=MERGED_INTO)


def _met_between(since: datetime | None, until: datetime | None) -> Q:
    ends = {"matched_at__gte": since, "matched_at__lt": until}
    return Q(**{condition: moment for condition, moment in ends.items() if moment is not None})


def _gone(session: Session, deal_ids: Collection[int], merge: Merge) -> list[int]:
    """Those that are neither there nor in the bin. What lived after the merge went into another deal."""
    lived = Lead.objects.filter(
        user_account=session.account, amocrm_lead_id__among=deal_ids, amocrm_updated_at__gt=merge.at
    )
    asked = set(deal_ids).difference(lived.values_list("amocrm_lead_id", flat=True))
    if not asked:
        return []
    missing = asked - session.reader.client.deals(asked).keys()
    return sorted(missing - bin_of(session, missing))


def _settle_by_sweep(session: Session, unresolved: Sequence[tuple[Merge, DealSnapshot | None]]) -> None:
    """Nothing ties the two deals together: look through all deals for those that are no longer listed."""
    vanished = _gone(session, _vanished(session), unresolved[-1][0])
    survivor = _only_survivor(unresolved, vanished)
    for deal_id in vanished:
        _follow(session, deal_id, survivor, unresolved[-1][0])


def _only_survivor(
    unresolved: Sequence[tuple[Merge, DealSnapshot | None]], vanished: Collection[int]
) -> DealSnapshot | None:
    """The deal into which all that vanished went, the one by way of another perhaps. None where several deals went into
    several others, and nobody tells which into which."""
    living = {survivor.deal_id: survivor for _merge, survivor in unresolved if survivor is not None}
    is_known = all(survivor is not None or merge.survivor_id in vanished for merge, survivor in unresolved)
    return next(iter(living.values())) if len(living) == 1 and is_known else None


def _vanished(session: Session) -> list[int]:
    """Our living deals that amoCRM's list leaves out, found page by page."""
    alive = _of_this_crm(session).filter(is_deleted=False)
    above, missing = 0, list[int]()

    def parse(answer: Any, asked_at: datetime) -> list[int]:
        return [deal.deal_id for deal in deals_in(answer, read_at=asked_at)]

    for page in session.reader.pages("leads", ORDER, parse):
        session.lease.hold()
        known, listed = alive.filter(amocrm_lead_id__gt=above), set(page.rows)
        if page.has_next and page.rows:
            known = known.filter(amocrm_lead_id__lte=max(page.rows))
        missing += [key for key in known.values_list("amocrm_lead_id", flat=True) if key and key not in listed]
        above = max(page.rows, default=above)
    return missing


def _follow(session: Session, gone_id: int, survivor: DealSnapshot | None, merge: Merge) -> None:
    """Let all that was the deal's follow the survivor, in one transaction with its row in the ledger."""
    with session.page(gives_way=False):
        now = shared_now()
        gone = DealSnapshot(gone_id, is_deleted=True, read_at=now, evidence=session.evidence)
        if survivor is None:
            _mark(session, gone_id, "")
            session.apply([gone])
            session.ledger.note_merged(gone_id, None, merge.at)
            return
        seen = replace(survivor, evidence=session.evidence)
        session.apply([seen])  # the survivor may be one that we have not met
        if leads_by_deal(session.account, [survivor.deal_id]):  # else it is in the bin itself, and never came to us
            _hand_over(session, gone_id, survivor.deal_id)
        _mark(session, gone_id, str(survivor.deal_id))
        session.apply([gone, seen])
        session.ledger.note_merged(gone_id, survivor.deal_id, merge.at)


def _hand_over(session: Session, gone_id: int, survivor_id: int) -> None:
    leads = Lead.objects.filter(user_account=session.account)
    old, heir = leads.get(amocrm_lead_id=gone_id), leads.get(amocrm_lead_id=survivor_id)
    _move_rows(session, gone_id, survivor_id)
    heir.contact_phones = list(dict.fromkeys([*heir.contact_phones, *old.contact_phones]))
    heir.contact_phone = heir.contact_phone or old.contact_phone
    # What is gone competes for no response any more.
    old.contact_phones, old.contact_phone, old.amocrm_contact_id = [], "", None
    if heir.source == LeadSource.AMOCRM and old.source != LeadSource.AMOCRM:
        _change_places(old, heir)
    else:
        heir.save()
        old.save()
    origin = leads.get(amocrm_lead_id=survivor_id)
    leads.filter(amocrm_lead_id=gone_id).update(origin_lead=origin)
    by_hand = Sale.objects.filter(user_account=session.account, amocrm_deal_id=None)
    by_hand.filter(lead__amocrm_lead_id=gone_id).update(lead=origin)


def _change_places(response: Lead, own: Lead) -> None:
    """The survivor moves into the row of the response that brought the other deal; that one into the bare row."""
    survivor, gone = deal_of(own), deal_of(response)
    put_deal(response, survivor)
    put_deal(own, gone)
    Lead.objects.filter(pk=own.pk).update(amocrm_lead_id=None)
    response.save()
    own.save()


def _mark(session: Session, gone_id: int, survivor: str) -> None:
    detail = told("Merged into another deal, which amoCRM does not name.")
    if survivor:
        detail = told("Merged into deal %(id)s.") % {"id": survivor}
    Lead.objects.filter(user_account=session.account, amocrm_lead_id=gone_id).update(
        match_method=MatchMethod.MANUAL, match_detail=detail
    )


def _move_rows(session: Session, gone_id: int, survivor_id: int) -> None:
    """Tellings of stages and hooks, phones, and the sale: what the survivor has already stays its own."""
    mine = {"user_account": session.account}
    news = StageNews.objects.filter(**mine)
    has = set(news.filter(amocrm_lead_id=survivor_id).values_list("at", "pipeline_id", "status_id"))
    old = news.filter(amocrm_lead_id=gone_id).values_list("pk", "at", "pipeline_id", "status_id")
    new = [pk for pk, *what in old if tuple(what) not in has]
    news.filter(pk__in=new).update(amocrm_lead_id=survivor_id)
    news.filter(amocrm_lead_id=gone_id).delete()

    phones = DealPhone.objects.filter(**mine, amocrm_lead_id=gone_id)
    DealPhone.objects.bulk_create(
        [
            DealPhone(**mine, phone_e164=one.phone_e164, amocrm_lead_id=survivor_id, known_at=one.known_at)
            for one in phones
        ],
        ignore_conflicts=True,
    )
    phones.delete()

    hooks = DealTelling.objects.filter(**mine, amocrm_deal_id=gone_id)
    DealTelling.objects.bulk_create(
        [DealTelling(**mine, hook=one.hook, amocrm_deal_id=survivor_id) for one in hooks], ignore_conflicts=True
    )
    if not Sale.objects.filter(**mine, amocrm_deal_id=survivor_id).exists():
        Sale.objects.filter(**mine, amocrm_deal_id=gone_id).update(amocrm_deal_id=survivor_id)
