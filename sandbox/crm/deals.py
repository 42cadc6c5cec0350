"""Deals of one account: what can happen to them, and what the account's history and hooks then say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack

from .contacts import Contacts
from .fields import Fields, lead_fields
from .ground import Ground
from .models import CLOSED_STATUS_IDS, LOST_STATUS_ID, WON_STATUS_ID, Contact, Deal, Tag
from .shelf import Shelf
from .tags import Tags


class DealChanges(TypedDict, total=False):
    """What of a deal can be changed. A `values` entry of None clears that field; `tag_ids` is the whole new set."""

    name: str
    price: float
    pipeline_id: int
    status_id: int
    responsible_user_id: int
    loss_reason_id: int | None
    created_at: int
    closed_at: int | None
    values: Mapping[int, list[dict[str, Any]] | None]
    tag_ids: list[int]
    company_id: int | None


class Deals(Shelf[Deal]):
    """The deals of one account, with indexes over those that are not in the bin."""

    def __init__(self, account: Ground, contacts: Contacts) -> None:
        super().__init__()
        self._account = account
        self._contacts = contacts
        self.fields: Fields = lead_fields(account.ids)
        self.tags = Tags(account.ids)

    def create(
        self,
        name: str = "",
        *,
        price: float = 0,
        pipeline_id: int | None = None,
        status_id: int | None = None,
        phone: str | Iterable[str] | None = None,
        contact_name: str = "",
        contact_ids: Iterable[int] = (),
        utm: Mapping[str, str] | None = None,
        fields: Mapping[str | int, Any] | None = None,
        tags: Iterable[str] = (),
        created_at: int | None = None,
        responsible_user_id: int | None = None,
        by: int | None = None,
        silent: bool = False,
    ) -> Deal:
        """A new deal, and its contact when a `phone` or a `contact_name` is given.

        `utm` has keys such as `source` or `utm_source`; `fields` custom fields by id, code or name. `silent`: no
        hook tells of it. Raises UnknownFieldError, and ValueError for a stage that is not there.
        """
        account = self._account
        with account.lock:
            silent = account.silences(silent)
            linked = list(contact_ids)
            if phone is not None or contact_name:
                contact = self._contacts.create(contact_name or name, phone=phone, at=created_at, silent=silent)
                linked.insert(0, contact.id)
            pipeline_id, status_id = self._stage(pipeline_id, status_id)
            when = account.clock.now() if created_at is None else created_at
            user = account.user_id if by is None else by
            deal = Deal(
                account.ids.take("lead"), name, price, pipeline_id, status_id,
                responsible_user_id or account.user_id, user, user, when, when,
                closed_at=when if status_id in CLOSED_STATUS_IDS else None,
                values=self.fields.plain({**_utm_codes(utm or {}), **(fields or {})}),
                tag_ids=[self.tags.named(tag).id for tag in tags], contact_ids=linked,
            )  # fmt: skip
            self.enter(deal)
            note = [{"note": {"id": account.ids.take("note")}}]
            account.history.add("lead_added", "lead", deal.id, by=user, at=when, after=note)
            if not silent:
                account.tell("lead", "add", deal)
            return deal

    def enter(self, deal: Deal) -> None:
        """Put a made record into the account: no event, no hook. `bulk` and the state file come this way."""
        self.put(deal)
        for contact_id in deal.contact_ids:
            contact = self._contacts.by_id.get(contact_id)
            if contact is not None and deal.id not in contact.deal_ids:
                contact.deal_ids.append(deal.id)

    def change(
        self,
        deal_id: int,
        *,
        at: int | None = None,
        by: int | None = None,
        silent: bool = False,
        **changes: Unpack[DealChanges],
    ) -> Deal:
        """Change a deal; KeyError when there is none, ValueError for a stage that is not there."""
        account = self._account
        with account.lock:
            deal = self.by_id[deal_id]
            before = (deal.pipeline_id, deal.status_id)
            old_responsible = deal.responsible_user_id
            when = account.clock.now() if at is None else at
            user = account.user_id if by is None else by
            if "status_id" in changes or "pipeline_id" in changes:
                self._move(deal, changes, when, user)
            self._edit(deal, changes, when, user)
            silent = account.silences(silent)
            deal.updated_by = user
            self.touch(deal, when)
            if not silent:
                old: dict[str, int] = {}
                if before != (deal.pipeline_id, deal.status_id):
                    old = {"old_status_id": before[1], "old_pipeline_id": before[0]}
                    account.tell("lead", "status", deal, **old)
                if old_responsible != deal.responsible_user_id:
                    account.tell("lead", "responsible", deal, old_responsible_user_id=old_responsible)
                account.tell("lead", "update", deal, **old)
            return deal

    def move(
        self, deal_id: int, status_id: int, pipeline_id: int | None = None, *, at: int | None = None,
        silent: bool = False,
    ) -> Deal:  # fmt: skip
        """Put a deal into another stage, of another pipeline too."""
        if pipeline_id is None:
            return self.change(deal_id, status_id=status_id, at=at, silent=silent)
        return self.change(deal_id, status_id=status_id, pipeline_id=pipeline_id, at=at, silent=silent)

    def set_price(self, deal_id: int, price: float, *, silent: bool = False) -> Deal:
        """Another price, in the account's currency."""
        return self.change(deal_id, price=price, silent=silent)

    def set_fields(self, deal_id: int, fields: Mapping[str | int, Any], *, silent: bool = False) -> Deal:
        """Custom fields by id, code (`UTM_SOURCE`) or name."""
        return self.change(deal_id, values=self.fields.plain(fields), silent=silent)

    def win(self, deal_id: int, *, price: float | None = None, at: int | None = None, silent: bool = False) -> Deal:
        """Move to won (142), with a price if one is given."""
        if price is None:
            return self.change(deal_id, status_id=WON_STATUS_ID, at=at, silent=silent)
        return self.change(deal_id, status_id=WON_STATUS_ID, price=price, at=at, silent=silent)

    def lose(
        self, deal_id: int, loss_reason_id: int | None = None, *, at: int | None = None, silent: bool = False
    ) -> Deal:
        """Move to lost (143)."""
        return self.change(deal_id, status_id=LOST_STATUS_ID, loss_reason_id=loss_reason_id, at=at, silent=silent)

    def delete(self, deal_id: int, *, silent: bool = False) -> Deal:
        """Into the bin: out of all lists, until restored."""
        return self._bin(deal_id, True, silent)

    def restore(self, deal_id: int, *, silent: bool = False) -> Deal:
        """Out of the bin again."""
        return self._bin(deal_id, False, silent)

    def merge(self, survivor_id: int, merged_id: int, *, silent: bool = False) -> Deal:
        """Merge one deal into another: the merged id reads 204 from now on. Returns the survivor."""
        account = self._account
        with account.lock:
            survivor, merged = self.by_id[survivor_id], self.by_id[merged_id]
            if survivor is merged or merged.merged_into is not None:
                raise ValueError("a deal merges into another one, once")
            if not merged.is_deleted:
                self.unindex(merged)
            merged.is_deleted, merged.merged_into = True, survivor.id
            survivor.contact_ids += [id_ for id_ in merged.contact_ids if id_ not in survivor.contact_ids]
            survivor.values = {**merged.values, **survivor.values}
            survivor.price = survivor.price or merged.price
            self.touch(survivor, account.clock.now())
            account.history.add("entity_merged", "lead", survivor.id, by=account.user_id)
            silent = account.silences(silent)
            if not silent:
                account.tell("lead", "update", survivor)
                if account.switches.merge_sends_delete:
                    account.tell("lead", "delete", merged)
            return survivor

    def link(self, deal_id: int, contact_id: int, *, main: bool = False, silent: bool = False) -> None:
        """Tie a contact to a deal, as the main one if asked."""
        with self._account.lock:
            deal = self.by_id[deal_id]
            deal.contact_ids = [id_ for id_ in deal.contact_ids if id_ != contact_id]
            deal.contact_ids.insert(0 if main else len(deal.contact_ids), contact_id)
            contact = self._contacts[contact_id]
            if deal_id not in contact.deal_ids:
                contact.deal_ids.append(deal_id)
            link = [{"link": {"entity": {"type": "contact", "id": contact_id}}}]
            self._account.history.add("entity_linked", "lead", deal_id, by=self._account.user_id, after=link)
            self.change(deal_id, silent=silent)

    def untie(self, contact: Contact) -> None:
        """Take a contact from its deals: no event, no hook."""
        for deal_id in contact.deal_ids:
            deal = self.by_id[deal_id]
            deal.contact_ids = [id_ for id_ in deal.contact_ids if id_ != contact.id]

    def _stage(self, pipeline_id: int | None, status_id: int | None) -> tuple[int, int]:
        pipelines = self._account.pipelines
        if pipeline_id is None:
            holder = pipelines.holding(status_id) if status_id is not None else None
            pipeline_id = (holder or pipelines.main).id
        if pipeline_id not in pipelines.by_id:
            raise ValueError(f"no pipeline {pipeline_id}")
        if status_id is None:
            status_id = pipelines.first_stage(pipeline_id).id
        if not pipelines.has(pipeline_id, status_id):
            raise ValueError(f"no status {status_id} in pipeline {pipeline_id}")
        return pipeline_id, status_id

    def _move(self, deal: Deal, changes: DealChanges, when: int, user: int) -> None:
        before = (deal.pipeline_id, deal.status_id)
        status_id = changes.get("status_id")
        pipeline_id = changes.get("pipeline_id")
        if pipeline_id is None:
            holder = self._account.pipelines.holding(status_id) if status_id is not None else None
            pipeline_id = holder.id if holder else deal.pipeline_id
        after = self._stage(pipeline_id, status_id)
        if before == after:
            return
        deal.pipeline_id, deal.status_id = after
        if deal.status_id in CLOSED_STATUS_IDS:
            deal.closed_at = when
        else:
            deal.closed_at = deal.loss_reason_id = None
        self._account.history.stage_changed(deal.id, before, after, by=user, at=when)

    def _edit(self, deal: Deal, changes: DealChanges, when: int, user: int) -> None:
        history = self._account.history
        price = changes.get("price")
        if price is not None and price != deal.price:
            history.price_changed(deal.id, deal.price, price, by=user, at=when)
            deal.price = price
        responsible = changes.get("responsible_user_id")
        if responsible is not None and responsible != deal.responsible_user_id:
            values = [[{"responsible_user": {"id": id_}}] for id_ in (deal.responsible_user_id, responsible)]
            history.add(
                "entity_responsible_changed", "lead", deal.id, by=user, at=when, before=values[0], after=values[1]
            )
            deal.responsible_user_id = responsible
        if "tag_ids" in changes:
            self._retag(deal, changes["tag_ids"], when, user)
        for field_id, values_of_field in changes.get("values", {}).items():
            if values_of_field is None:
                deal.values.pop(field_id, None)
            else:
                deal.values[field_id] = values_of_field
        deal.name = changes.get("name", deal.name)
        deal.closed_at = changes.get("closed_at", deal.closed_at)
        deal.company_id = changes.get("company_id", deal.company_id)
        deal.loss_reason_id = changes.get("loss_reason_id", deal.loss_reason_id)
        if "created_at" in changes:
            self.date(deal, changes["created_at"])

    def _retag(self, deal: Deal, tag_ids: list[int], when: int, user: int) -> None:
        added = [self.tags.by_id[id_] for id_ in tag_ids if id_ not in deal.tag_ids]
        gone = [self.tags.by_id[id_] for id_ in deal.tag_ids if id_ not in tag_ids]
        deal.tag_ids = list(dict.fromkeys(tag_ids))
        history = self._account.history
        if added:
            history.add("entity_tag_added", "lead", deal.id, by=user, at=when, after=_tag_values(added))
        if gone:
            history.add("entity_tag_deleted", "lead", deal.id, by=user, at=when, before=_tag_values(gone))

    def _bin(self, deal_id: int, deleted: bool, silent: bool) -> Deal:
        account = self._account
        with account.lock:
            deal = self.by_id[deal_id]
            if deal.merged_into is not None:
                raise ValueError("a deal that was merged away does not come back")
            if deal.is_deleted == deleted:
                return deal
            if deleted:
                self.unindex(deal)
            deal.is_deleted = deleted
            deal.updated_at = account.clock.now()
            if not deleted:
                self.index(deal)
            account.history.add("lead_deleted" if deleted else "lead_restored", "lead", deal.id, by=account.user_id)
            silent = account.silences(silent)
            if not silent:
                account.tell("lead", "delete" if deleted else "restore", deal)
            return deal


def _utm_codes(utm: Mapping[str, str]) -> dict[str | int, Any]:
    """`source` and `utm_source` are both the code UTM_SOURCE; other tracking codes go by their own name."""
    codes: dict[str | int, Any] = {}
    for key, value in utm.items():
        upper = key.upper()
        codes[f"UTM_{upper}" if upper in ("SOURCE", "MEDIUM", "CAMPAIGN", "CONTENT", "TERM") else upper] = value
    return codes


def _tag_values(tags: Iterable[Tag]) -> list[dict[str, Any]]:
    return [{"tag": {"name": tag.name}} for tag in tags]
