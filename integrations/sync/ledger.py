"""The gap ledger: which of the changes that a sync found had been told of by no hook, and what they were."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from integrations.amocrm.entities import StageEvent
from integrations.models import SyncGap, SyncRun
from integrations.sync.hearing import tells, untold_stages
from integrations.sync.hearsay import Hearsay
from leads.deals.facts import phones_typed
from leads.models import Lead, StageNews
from leads.news import UTM_KEYS, ContactSnapshot, DealSnapshot
from leads.people import erased_among

What = SyncGap.What
# Characters of what was and what is.
LONGEST = 200


def as_told(contact: ContactSnapshot) -> str:
    """What a contact's gap says that it is now."""
    return ", ".join(dict.fromkeys([contact.name, *contact.phones]))[:LONGEST]


class Ledger:
    """The book of one run. Every method is called inside the transaction that repairs what it writes down.

    :param is_kept: False for a first run: nothing was to be told before the account was connected.
    :param floor: changes older than the first certain point were nobody's to tell.
    """

    def __init__(self, run: SyncRun, hearsay: Hearsay, *, is_kept: bool, floor: datetime | None) -> None:
        self.run = run
        self.is_kept = is_kept
        self._hearsay = hearsay
        self._floor = floor

    def note_deals(self, before: Mapping[int, Lead], snapshots: Iterable[DealSnapshot]) -> None:
        """Compare readings with the leads as they stood. A stage found so is named anew by its event, if there is."""
        if not self.is_kept:
            return
        self._write_untold([gap for told in snapshots for gap in self._differences(before.get(told.deal_id), told)])

    def note_contacts(self, changed: Collection[tuple[Lead, ContactSnapshot]]) -> None:
        """Leads with a contact that has another name or more phones than they know."""
        if not self.is_kept:
            return
        heard = self._hearsay.of_contacts({contact.contact_id for _lead, contact in changed})
        forgotten = self._forgotten([contact for _lead, contact in changed])
        found = []
        for lead, contact in changed:
            if self._is_made_by_this_run(lead):
                continue
            if contact.updated_at not in heard.get(contact.contact_id, ()):
                after = as_told(contact)
                now = ", ".join(dict.fromkeys([lead.contact_name, lead.contact_phone]))
                if contact.contact_id in forgotten:
                    now = after = ""
                found.append(self._gap(lead.amocrm_lead_id or 0, What.CONTACT, contact.updated_at, now, after))
        self._write(found)

    def _forgotten(self, contacts: Collection[ContactSnapshot]) -> set[int]:
        """Those with a phone that was erased here: whose they are the leads have yet to learn."""
        account = self.run.user_account
        phones = {contact.contact_id: phones_typed([contact], account.phone_region).keys() for contact in contacts}
        erased = erased_among(account, set().union(*phones.values()))
        return {contact_id for contact_id, known in phones.items() if erased & known}

    def _is_made_by_this_run(self, lead: Lead) -> bool:
        """Its deal was read before its contact, which is then nothing new."""
        return lead.created_at >= self.run.started_at and not (lead.contact_name or lead.contact_phones)

    def note_deleted(self, lead: Lead, at: datetime | None) -> None:
        """The bin holds a deal that was thought alive."""
        gap = self._gap(lead.amocrm_lead_id or 0, What.DELETED, at)
        if self.is_kept:
            self._write_untold([gap])

    def note_merged(self, merged_id: int, survivor_id: int | None, at: datetime) -> None:
        """Written down in any case: no hook tells which deal was merged into which."""
        into = f"deal {survivor_id}" if survivor_id else ""
        self._write([self._gap(merged_id, What.MERGED, at, f"deal {merged_id}", into, SyncGap.Repair.EVENT)])

    def note_stages(self, events: Sequence[StageEvent], known: Mapping[int, Lead]) -> None:
        """One row per event that no hook told of; to be called before the events are applied."""
        if not self.is_kept:
            return
        late = [event for event in events if event.deal_id in known and self._counts(event)]
        suspects = self._unexplained(late)
        heard = self._hearsay.of_deals({event.deal_id for event in suspects})
        for event in untold_stages(suspects, heard):
            self._write_stage(event)

    def _counts(self, event: StageEvent) -> bool:
        return self._floor is None or event.changed_at >= self._floor

    def _unexplained(self, events: Sequence[StageEvent]) -> list[StageEvent]:
        """Those that neither a hook nor an earlier run has put into the history."""
        news = StageNews.objects.filter(
            user_account_id=self.run.user_account_id, amocrm_lead_id__in={event.deal_id for event in events}
        )
        evidence = {
            (deal_id, at, pipeline_id, status_id): told
            for deal_id, at, pipeline_id, status_id, told in news.values_list(
                "amocrm_lead_id", "at", "pipeline_id", "status_id", "evidence"
            )
        }

        def is_explained(event: StageEvent) -> bool:
            told = evidence.get((event.deal_id, event.changed_at, event.to_pipeline_id, event.to_status_id))
            if told is None:
                return False
            if "delivery_id" in told:
                return bool(told.get("action") != "read")  # a reading for some hook's sake may have found more
            return bool(told.get("sync_run_id") != self.run.pk)

        return [event for event in events if not is_explained(event)]

    def _write_stage(self, event: StageEvent) -> None:
        before = _stage(event.from_pipeline_id, event.from_status_id)
        after = _stage(event.to_pipeline_id, event.to_status_id)
        mine = SyncGap.objects.filter(
            user_account_id=self.run.user_account_id, amocrm_lead_id=event.deal_id, what=What.STAGE, after=after
        )
        if mine.filter(changed_at=event.changed_at, repaired_by=SyncGap.Repair.EVENT).exists():
            return
        # The reading found the change before its event did, and could only say when the deal was last touched.
        read = mine.filter(repaired_by=SyncGap.Repair.READ, changed_at__gte=event.changed_at).order_by("changed_at")
        known = read.first()
        if known is None:
            self._write([self._gap(event.deal_id, What.STAGE, event.changed_at, before, after, SyncGap.Repair.EVENT)])
            return
        known.changed_at, known.before, known.repaired_by = event.changed_at, before, SyncGap.Repair.EVENT
        known.save(update_fields=["changed_at", "before", "repaired_by"])

    def _differences(self, lead: Lead | None, told: DealSnapshot) -> list[SyncGap]:
        if lead is None:
            if self.run.cursor.get("mends") and told.created_at and self._floor and told.created_at < self._floor:
                return []  # the last whole reading missed it, not a hook
            return [self._gap(told.deal_id, What.CREATED, told.created_at)]  # no name: whose deal it is, the lead says
        at = told.updated_at
        if at is None or (lead.amocrm_updated_at and at < lead.amocrm_updated_at):
            return []  # read before newer news came
        pairs: list[tuple[SyncGap.What, str, str]] = []
        if lead.is_deleted and told.is_deleted is False:
            pairs.append((What.RESTORED, "", ""))
        if (told.pipeline_id, told.status_id) != (lead.current_pipeline_id, lead.current_status_id):
            now = _stage(lead.current_pipeline_id, lead.current_status_id)
            pairs.append((What.STAGE, now, _stage(told.pipeline_id, told.status_id)))
        if told.price is not None and told.price != (lead.price or 0):
            pairs.append((What.PRICE, "" if lead.price is None else str(lead.price), str(told.price)))
        if told.contact_ids and told.contact_ids[0] != lead.amocrm_contact_id and lead.amocrm_contact_id:
            pairs.append((What.CONTACT, str(lead.amocrm_contact_id), str(told.contact_ids[0])))
        if told.utm and any(getattr(told.utm, key) != (lead.deal_utm.get(key) or "") for key in UTM_KEYS):
            pairs.append((What.UTM, _utm(lead.deal_utm), _utm({key: getattr(told.utm, key) for key in UTM_KEYS})))
        if told.name and lead.deal_name and told.name[:500] != lead.deal_name:
            pairs.append((What.NAME, lead.deal_name, told.name))
        return [self._gap(told.deal_id, what, at, before, after) for what, before, after in pairs]

    def _gap(
        self,
        deal_id: int,
        what: SyncGap.What,
        at: datetime | None,
        before: str = "",
        after: str = "",
        repair: SyncGap.Repair = SyncGap.Repair.READ,
    ) -> SyncGap:
        now = timezone.now()
        return SyncGap(
            user_account_id=self.run.user_account_id,
            run=self.run,
            amocrm_lead_id=deal_id,
            what=what,
            before=before[:LONGEST],
            after=after[:LONGEST],
            changed_at=at or now,
            learnt_at=now,
            repaired_by=repair,
        )

    def _write_untold(self, gaps: Collection[SyncGap]) -> None:
        heard = self._hearsay.of_deals({gap.amocrm_lead_id for gap in gaps})
        self._write(gap for gap in gaps if not any(tells(gap, one) for one in heard.get(gap.amocrm_lead_id, ())))

    def _write(self, gaps: Iterable[SyncGap]) -> None:
        SyncGap.objects.bulk_create(list(gaps), ignore_conflicts=True)


def _stage(pipeline_id: int | None, status_id: int | None) -> str:
    return f"{pipeline_id}/{status_id}" if status_id else ""


def _utm(values: Mapping[str, object]) -> str:
    return "&".join(f"{key}={values[key]}" for key in UTM_KEYS if values.get(key))
