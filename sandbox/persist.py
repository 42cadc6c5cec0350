"""The state file: accounts, tokens, deals and hooks outlive a restart."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from .crm.account import CrmAccount
from .crm.contacts import Contacts
from .crm.deals import Deals
from .crm.fields import Fields
from .crm.models import (
    Contact,
    CustomField,
    Deal,
    Event,
    FieldEnum,
    Hook,
    LossReason,
    Pipeline,
    Profile,
    Stage,
    Tag,
    User,
)  # fmt: skip
from .crm.tags import Tags
from .oauth import AccessToken, Client, Code, RefreshToken
from .sandbox import Sandbox

VERSION = 1
DEBOUNCE_SECONDS = 1.0
Record = TypeVar("Record")


class Keeper:
    """Writes the sandbox to `path` a second after a change, whole and atomically, and reads it back."""

    def __init__(self, crm: Sandbox, path: Path) -> None:
        self._crm = crm
        self._path = path
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def restore(self) -> bool:
        """Read the file into the sandbox. False: there is none yet."""
        if not self._path.exists():
            return False
        load(self._crm, json.loads(self._path.read_text(encoding="utf-8")))
        return True

    def watch(self) -> None:
        """Save after changes from now on, and once more at the end."""
        self._crm.on_change = self._changed.set
        self._crm.on_close = self._close
        self._thread = threading.Thread(target=self._save_changes, name="sandbox-state", daemon=True)
        self._thread.start()

    def save(self) -> None:
        """Write now."""
        with self._crm.lock:
            text = json.dumps(dump(self._crm), ensure_ascii=False, default=_plain)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.new")
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def _save_changes(self) -> None:
        while not self._stopped.is_set():
            self._changed.wait()
            self._stopped.wait(DEBOUNCE_SECONDS)
            self._changed.clear()
            self.save()

    def _close(self) -> None:
        self._stopped.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join()


def dump(crm: Sandbox) -> dict[str, Any]:
    """The state as JSON data. Switches and faults are of the running program and not kept."""
    oauth = crm.oauth
    return {
        "version": VERSION, "ids": crm.ids.next_of, "demo": crm.demo.id, "key": oauth.key,
        "clients": list(oauth.clients.values()), "codes": oauth.codes, "access": oauth.access,
        "refresh": oauth.refresh, "accounts": [_dump_account(account) for account in crm.accounts.values()],
    }  # fmt: skip


def load(crm: Sandbox, data: dict[str, Any]) -> None:
    """Make the sandbox what `dump` told; ValueError for a file of another version."""
    if data.get("version") != VERSION:
        raise ValueError(f"a state file of version {data.get('version')}, not {VERSION}")
    with crm.lock:
        crm.accounts.clear()
        for row in data["accounts"]:
            _load_account(crm, row)
        # After the accounts, for making them takes numbers.
        crm.ids.next_of = data["ids"]
        crm.demo = crm.accounts[data["demo"]]
        oauth = crm.oauth
        oauth.key = data["key"]
        oauth.clients = {row["id"]: Client(**row) for row in data["clients"]}
        oauth.codes = {text: Code(**row) for text, row in data["codes"].items()}
        oauth.access = {text: AccessToken(**row) for text, row in data["access"].items()}
        oauth.refresh = {text: RefreshToken(**row) for text, row in data["refresh"].items()}


def _plain(record: Any) -> Any:
    """A dataclass without the deep copies of `asdict`, which a hundred thousand deals would feel."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _dump_account(account: CrmAccount) -> dict[str, Any]:
    people = {"contacts": account.contacts, "companies": account.companies}
    stores: dict[str, Deals | Contacts] = {"deals": account.deals, **people}
    return {
        "profile": asdict(account.profile), "user_id": account.user_id, "users": list(account.users.values()),
        "pipelines": list(account.pipelines.by_id.values()), "loss_reasons": list(account.loss_reasons.values()),
        "hooks": list(account.hooks.values()), "events": list(account.history.by_id.values()),
        "stores": {
            name: {
                "fields": list(store.fields.by_id.values()), "tags": list(store.tags.by_id.values()),
                "rows": list(store.by_id.values()),
            }
            for name, store in stores.items()
        },
    }  # fmt: skip


def _load_account(crm: Sandbox, data: dict[str, Any]) -> None:
    profile = Profile(**data["profile"])
    account = crm.add_account(profile.subdomain, account_id=profile.id)
    account.profile = profile
    account.user_id = data["user_id"]
    account.users = {row["id"]: User(**row) for row in data["users"]}
    account.loss_reasons = {row["id"]: LossReason(**row) for row in data["loss_reasons"]}
    account.hooks = {row["id"]: Hook(**row) for row in data["hooks"]}
    for row in data["pipelines"]:
        stages = [Stage(**stage) for stage in row.pop("stages")]
        account.pipelines.by_id[row["id"]] = Pipeline(**row, stages=stages)
    for name, people in (("contacts", account.contacts), ("companies", account.companies)):
        _load_people(crm, people, data["stores"][name])
    deals, rows = account.deals, data["stores"]["deals"]
    deals.fields, deals.tags = _load_fields(crm, rows), _load_tags(crm, rows)
    for row in rows["rows"]:
        deals.enter(_record(Deal, row))
    for row in data["events"]:
        account.history.load(Event(**row))


def _load_people(crm: Sandbox, people: Contacts, data: dict[str, Any]) -> None:
    people.fields, people.tags = _load_fields(crm, data), _load_tags(crm, data)
    for row in data["rows"]:
        people.put(_record(Contact, row))


def _load_fields(crm: Sandbox, data: dict[str, Any]) -> Fields:
    loaded = Fields(crm.ids)
    for row in data["fields"]:
        enums = [FieldEnum(**enum) for enum in row.pop("enums")]
        loaded.load(CustomField(**row, enums=enums))
    return loaded


def _load_tags(crm: Sandbox, data: dict[str, Any]) -> Tags:
    loaded = Tags(crm.ids)
    for row in data["tags"]:
        loaded.load(Tag(**row))
    return loaded


def _record(kind: type[Record], row: dict[str, Any]) -> Record:
    """A deal or a contact; JSON made texts of the field ids."""
    row["values"] = {int(field_id): values for field_id, values in row["values"].items()}
    return kind(**row)
