"""Contacts of one account, and companies, which amoCRM keeps the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .fields import Fields, contact_fields
from .ground import Ground
from .models import Contact
from .shelf import Shelf
from .tags import Tags


class Contacts(Shelf[Contact]):
    """The contacts (or companies: `kind`) of one account, phones as typed. `untie` takes one from its deals."""

    def __init__(self, account: Ground, kind: str, *, untie: Callable[[Contact], None]) -> None:
        super().__init__()
        self._account = account
        self.kind = kind
        self._untie = untie
        self.fields: Fields = contact_fields(account.ids)
        self.tags = Tags(account.ids)

    def create(
        self,
        name: str = "",
        *,
        phone: str | Iterable[str] | None = None,
        email: str | None = None,
        fields: Mapping[str | int, Any] | None = None,
        first_name: str = "",
        last_name: str = "",
        at: int | None = None,
        by: int | None = None,
        silent: bool = False,
    ) -> Contact:
        """A new contact. `phone` may be several, each as typed."""
        account = self._account
        with account.lock:
            values = dict(fields or {})
            if phone:
                values["PHONE"] = phone if isinstance(phone, str) else list(phone)
            if email:
                values["EMAIL"] = email
            when = account.clock.now() if at is None else at
            user = account.user_id if by is None else by
            contact = Contact(
                account.ids.take("contact"), self.kind, name or f"{first_name} {last_name}".strip(), account.user_id,
                user, user, when, when, first_name, last_name, values=self.fields.plain(values),
            )  # fmt: skip
            self.put(contact)
            note = [{"note": {"id": account.ids.take("note")}}]
            account.history.add(f"{self.kind}_added", self.kind, contact.id, by=user, at=when, after=note)
            if not account.silences(silent):
                account.tell(self.kind, "add", contact)
            return contact

    def change(
        self,
        contact_id: int,
        *,
        name: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        responsible_user_id: int | None = None,
        values: Mapping[int, list[dict[str, Any]] | None] | None = None,
        tag_ids: list[int] | None = None,
        at: int | None = None,
        silent: bool = False,
    ) -> Contact:
        """Change a contact; None leaves what it is, a `values` entry of None clears that field. KeyError: none such."""
        account = self._account
        with account.lock:
            contact = self.by_id[contact_id]
            contact.name = contact.name if name is None else name
            contact.first_name = contact.first_name if first_name is None else first_name
            contact.last_name = contact.last_name if last_name is None else last_name
            contact.tag_ids = contact.tag_ids if tag_ids is None else tag_ids
            old: dict[str, int] = {}
            if responsible_user_id is not None and responsible_user_id != contact.responsible_user_id:
                old = {"old_responsible_user_id": contact.responsible_user_id}
                contact.responsible_user_id = responsible_user_id
            for field_id, field_values in (values or {}).items():
                if field_values is None:
                    contact.values.pop(field_id, None)
                else:
                    contact.values[field_id] = field_values
            self.touch(contact, account.clock.now() if at is None else at)
            if not account.silences(silent):
                account.tell(self.kind, "update", contact, **old)
            return contact

    def add_phone(self, contact_id: int, phone: str, *, silent: bool = False) -> Contact:
        """One phone more, as typed: the way a number often comes after the deal."""
        with self._account.lock:
            field = self.fields.find("PHONE")
            known = self.by_id[contact_id].values.get(field.id, [])
            return self.change(
                contact_id, values={field.id: [*known, *self.fields.plain({"PHONE": phone})[field.id]]}, silent=silent
            )

    def phones(self, contact_id: int) -> list[str]:
        """The contact's phones as typed."""
        values = self.by_id[contact_id].values.get(self.fields.find("PHONE").id, [])
        return [value["value"] for value in values]

    def delete(self, contact_id: int, *, silent: bool = False) -> Contact:
        """Into the bin; its deals lose it."""
        account = self._account
        with account.lock:
            contact = self.by_id[contact_id]
            if contact.is_deleted:
                return contact
            self.unindex(contact)
            contact.is_deleted = True
            self._untie(contact)
            account.history.add(f"{self.kind}_deleted", self.kind, contact.id, by=account.user_id)
            if not account.silences(silent):
                account.tell(self.kind, "delete", contact)
            return contact

    def restore(self, contact_id: int, *, silent: bool = False) -> Contact:
        """Out of the bin again, tied to no deal any more."""
        account = self._account
        with account.lock:
            contact = self.by_id[contact_id]
            if not contact.is_deleted:
                return contact
            contact.is_deleted = False
            contact.deal_ids = []
            self.index(contact)
            account.history.add(f"{self.kind}_restored", self.kind, contact.id, by=account.user_id)
            if not account.silences(silent):
                account.tell(self.kind, "restore", contact)
            return contact
