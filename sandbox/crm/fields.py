"""Custom fields: their definitions, and values as written (`field_id` or `field_code`) brought to how they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .clock import Ids
from .models import CustomField, FieldEnum, Values

UTM_CODES = ("UTM_CONTENT", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_SOURCE", "UTM_TERM", "UTM_REFERRER")
TRACKING_CODES = (
    *UTM_CODES, "ROISTAT", "REFERRER", "OPENSTAT_SERVICE", "OPENSTAT_CAMPAIGN", "OPENSTAT_AD", "OPENSTAT_SOURCE",
    "FROM", "GCLIENTID", "_YM_UID", "_YM_COUNTER", "GCLID", "YCLID", "FBCLID",
)  # fmt: skip
PHONE_ENUMS = ("WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER")
EMAIL_ENUMS = ("WORK", "PRIV", "OTHER")
ENUM_TYPES = ("select", "multiselect", "radiobutton", "multitext")
DATE_TYPES = ("date", "date_time", "birthday")


class UnknownFieldError(Exception):
    """A value for a field, or a choice, that the account does not have. `path` is where in the value it stood."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Fields:
    """The custom fields of one kind of entity in one account."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self.by_id: dict[int, CustomField] = {}
        self._by_code: dict[str, CustomField] = {}

    def define(
        self, name: str, type_: str = "text", *, code: str | None = None, choices: tuple[str, ...] = ()
    ) -> CustomField:
        """Add a field. `choices` of a multitext field are the codes of its enums, of others their values."""
        is_multitext = type_ == "multitext"
        enums = [
            FieldEnum(self._ids.take("enum"), choice, sort, code=choice if is_multitext else None)
            for sort, choice in enumerate(choices, start=1)
        ]
        tracking = type_ == "tracking_data"
        field = CustomField(self._ids.take("field"), name, type_, code, len(self.by_id) * 10, tracking, enums)
        self.load(field)
        return field

    def load(self, field: CustomField) -> None:
        """Enter a definition that has its id already."""
        self.by_id[field.id] = field
        if field.code:
            self._by_code[field.code] = field

    def find(self, key: str | int) -> CustomField:
        """By id, code or name; UnknownFieldError when there is none."""
        if isinstance(key, int):
            found = self.by_id.get(key)
        else:
            by_name = (field for field in self.by_id.values() if field.name == key)
            found = self._by_code.get(key) or next(by_name, None)
        if found is None:
            raise UnknownFieldError("field_id")
        return found

    def plain(self, values: Mapping[str | int, Any]) -> Values:
        """`{"UTM_SOURCE": "ig", "PHONE": ["+7…", "8…"]}` as it is kept; keys are ids, codes or names."""
        kept: Values = {}
        for key, value in values.items():
            field = self.find(key)
            many = value if isinstance(value, (list, tuple)) else [value]
            kept[field.id] = [self._keep(field, {"value": one}) for one in many]
        return kept

    def written(self, rows: list[dict[str, Any]] | None) -> dict[int, list[dict[str, Any]] | None]:
        """`custom_fields_values` of a request as kept values; None clears the field."""
        kept: dict[int, list[dict[str, Any]] | None] = {}
        for at, row in enumerate(rows or []):
            key = row.get("field_id") or row.get("field_code")
            try:
                field = self.find(key if isinstance(key, int) else str(key))
            except UnknownFieldError:
                raise UnknownFieldError(f"custom_fields_values.{at}.field_id") from None
            values = row.get("values")
            try:
                kept[field.id] = [self._keep(field, value) for value in values] if values else None
            except UnknownFieldError as unknown:
                raise UnknownFieldError(f"custom_fields_values.{at}.values.0.{unknown.path}") from None
        return kept

    def _keep(self, field: CustomField, value: Mapping[str, Any]) -> dict[str, Any]:
        given = value.get("value")
        if field.type in ENUM_TYPES:
            return self._keep_choice(field, value)
        if field.type in DATE_TYPES:
            return {"value": int(given or 0)}
        if field.type == "checkbox":
            return {"value": bool(given)}
        return {"value": "" if given is None else str(given)}

    @staticmethod
    def _keep_choice(field: CustomField, value: Mapping[str, Any]) -> dict[str, Any]:
        is_multitext = field.type == "multitext"
        wanted_id = value.get("enum_id")
        wanted = value.get("enum_code") or value.get("enum") or ("WORK" if is_multitext else value.get("value"))
        for enum in field.enums:
            if enum.id == wanted_id or (wanted_id is None and wanted in (enum.code, enum.value)):
                text = str(value.get("value", "")) if is_multitext else enum.value
                return {"value": text, "enum_id": enum.id, "enum_code": enum.code}
        raise UnknownFieldError("value")


def lead_fields(ids: Ids) -> Fields:
    """What a fresh account has on deals: the tracking fields, and a few that people add."""
    fields = Fields(ids)
    for code in TRACKING_CODES:
        fields.define(code.lower(), "tracking_data", code=code)
    fields.define("Ссылка на сайт", "url")
    fields.define("Продукт", "select", choices=("Консультация", "Курс", "Сопровождение"))
    fields.define("Дата записи", "date")
    fields.define("Комментарий", "text")
    return fields


def contact_fields(ids: Ids) -> Fields:
    """Phone and e-mail, by the codes that are the same on every account, and the position."""
    fields = Fields(ids)
    fields.define("Должность", "text", code="POSITION")
    fields.define("Телефон", "multitext", code="PHONE", choices=PHONE_ENUMS)
    fields.define("Email", "multitext", code="EMAIL", choices=EMAIL_ENUMS)
    return fields
