"""Writing rows back: a new row is inserted once, of a changed one what has changed, and the others are left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from leads.bulk import SKIP, insert_rows, insert_values, update_rows
from leads.deals.history import Step
from leads.deals.inheriting import describe
from leads.deals.placing import Placing
from leads.deals.record import steps_told, write_history
from leads.models import DealPhone, Lead, UserAccount
from leads.qualification import is_qualified, qualified_stages


def save_placed(account: UserAccount, placing: Placing) -> None:
    """Bring the rows of a finished placing, and the history of their deals, into the database."""
    rows = placing.rows
    _free_deal_ids(placing)
    describe(placing)
    placing.let_neighbours_be()
    steps = steps_told(account, rows)
    _stand(account, rows, steps)
    fresh = [lead for lead in rows.values() if lead.pk is None]
    insert_rows(fresh)
    _remember_phones(placing)
    _update(placing, fresh)
    write_history(account, rows, steps)
    _discard(placing)


def _free_deal_ids(placing: Placing) -> None:
    """A deal id stands in one row: it has to leave the old one before it can enter the new."""
    left = [*placing.emptied, *placing.discarded]
    left += [lead.pk for deal_id, lead in placing.rows.items() if deal_id in placing.moved and lead.pk]
    if left:
        Lead.objects.filter(pk__in=left).update(amocrm_lead_id=None)


def _stand(account: UserAccount, rows: Mapping[int, Lead], steps: Mapping[int, Sequence[Step]]) -> None:
    """A lead stands where its history ends, and is qualified by where it has stood."""
    marked = qualified_stages(account)
    for deal_id, lead in rows.items():
        if steps[deal_id]:
            last = steps[deal_id][-1]
            lead.current_pipeline_id, lead.current_status_id = last.pipeline_id, last.status_id
            lead.is_stage_confirmed = last.is_confirmed
        lead.is_qualified = is_qualified([(step.pipeline_id, step.status_id) for step in steps[deal_id]], marked)


def _remember_phones(placing: Placing) -> None:
    account_id = placing.account.pk
    phones = [
        (account_id, phone, deal_id, placing.now)
        for deal_id in placing.sought
        for phone in placing.rows[deal_id].contact_phones
    ]
    insert_values(DealPhone, ["user_account_id", "phone_e164", "amocrm_lead_id", "known_at"], phones, conflict=SKIP)


def _update(placing: Placing, fresh: Sequence[Lead]) -> None:
    inserted = {lead.pk for lead in fresh}
    late = placing.name_late_origins()
    update_rows([lead for lead in late if lead.pk in inserted], ["origin_lead_id"])
    stored = [lead for lead in (*placing.rows.values(), *placing.emptied.values()) if lead.pk not in inserted]
    changes = [(lead, changed) for lead in stored if (changed := placing.changed_columns(lead))]
    columns = sorted(set().union(*(changed for _lead, changed in changes)))
    update_rows([lead for lead, _changed in changes], [*columns, "updated_at"])


def _discard(placing: Placing) -> None:
    """Rows that were made for a deal which has found its response: whatever referred to them refers to that now."""
    for old, lead in placing.discarded.items():
        if lead.amocrm_lead_id is not None:
            _refer_to(placing.rows[lead.amocrm_lead_id], instead_of=old)
    Lead.objects.filter(pk__in=list(placing.discarded)).delete()


def _refer_to(heir: Lead, *, instead_of: int) -> None:
    Lead.objects.filter(origin_lead=instead_of).exclude(pk=heir.pk).update(origin_lead=heir)
    # What the admin wrote down of changes by hand names the person, and is found by the row when they are erased.
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(Lead), object_id=str(instead_of))
    entries.update(object_id=str(heir.pk))
    for reference in Lead._meta.related_objects:
        # What is one to one is a push, and of those the heir has its own.
        if reference.related_model is not Lead and not reference.one_to_one:
            rows = reference.related_model._default_manager.filter(**{reference.field.name: instead_of})
            rows.update(**{reference.field.name: heir})
