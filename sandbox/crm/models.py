"""The records of one amoCRM account, as plain data. Times are unix seconds, ids amoCRM's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WON_STATUS_ID = 142
LOST_STATUS_ID = 143
CLOSED_STATUS_IDS = (WON_STATUS_ID, LOST_STATUS_ID)

Values = dict[int, list[dict[str, Any]]]
"""Custom field values by field id, each a list of `{"value", "enum_id"?, "enum_code"?}`."""


@dataclass(slots=True)
class Profile:
    """What an account is: its name, money, time and what its plan holds."""

    id: int
    subdomain: str
    name: str
    currency: str = "KZT"
    currency_symbol: str = "₸"
    country: str = "KZ"
    timezone: str = "Asia/Almaty"
    timezone_offset: str = "+05:00"
    domain: str = "amocrm.ru"
    is_api_filter_enabled: bool = False
    is_paid: bool = True
    has_webhooks: bool = True
    has_minor_units: bool = False
    has_duplicate_control: bool = False
    created_at: int = 1_700_000_000

    @property
    def host(self) -> str:
        return f"{self.subdomain}.{self.domain}"


@dataclass(slots=True)
class User:
    id: int
    name: str
    email: str
    is_admin: bool = True


@dataclass(slots=True)
class Stage:
    """A column of a pipeline. `type` 1 is the unsorted stage, 0 any other."""

    id: int
    name: str
    sort: int
    color: str
    type: int = 0
    is_editable: bool = True


@dataclass(slots=True)
class Pipeline:
    id: int
    name: str
    sort: int
    is_main: bool = False
    is_archive: bool = False
    is_unsorted_on: bool = True
    stages: list[Stage] = field(default_factory=list)


@dataclass(slots=True)
class Tag:
    id: int
    name: str
    color: str | None = None


@dataclass(slots=True)
class LossReason:
    id: int
    name: str
    sort: int
    created_at: int


@dataclass(slots=True)
class FieldEnum:
    id: int
    value: str
    sort: int
    code: str | None = None


@dataclass(slots=True)
class CustomField:
    """A field's definition. `type` is amoCRM's: text, numeric, select, date, multitext, tracking_data…"""

    id: int
    name: str
    type: str
    code: str | None = None
    sort: int = 500
    is_api_only: bool = False
    enums: list[FieldEnum] = field(default_factory=list)


@dataclass(slots=True)
class Deal:
    """A lead in amoCRM's words. `contact_ids` has the main contact first; `merged_into` is set on one merged away."""

    id: int
    name: str
    price: float
    pipeline_id: int
    status_id: int
    responsible_user_id: int
    created_by: int
    updated_by: int
    created_at: int
    updated_at: int
    closed_at: int | None = None
    loss_reason_id: int | None = None
    is_deleted: bool = False
    merged_into: int | None = None
    company_id: int | None = None
    values: Values = field(default_factory=dict)
    tag_ids: list[int] = field(default_factory=list)
    contact_ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Contact:
    """A contact, or a company, which amoCRM keeps in the same way and the same hooks (`kind`)."""

    id: int
    kind: str
    name: str
    responsible_user_id: int
    created_by: int
    updated_by: int
    created_at: int
    updated_at: int
    first_name: str = ""
    last_name: str = ""
    is_deleted: bool = False
    company_id: int | None = None
    values: Values = field(default_factory=dict)
    tag_ids: list[int] = field(default_factory=list)
    deal_ids: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Hook:
    """A webhook subscription: which events go to which address."""

    id: int
    destination: str
    settings: list[str]
    created_at: int
    updated_at: int
    created_by: int
    sort: int = 1
    disabled: bool = False
    is_short: bool = False
    """A Digital-Pipeline hook: the short body, no retries."""


@dataclass(slots=True)
class Event:
    """One line of an account's history, as the Events API tells it."""

    id: str
    type: str
    entity_id: int
    entity_type: str
    created_by: int
    created_at: int
    value_after: list[dict[str, Any]] = field(default_factory=list)
    value_before: list[dict[str, Any]] = field(default_factory=list)
