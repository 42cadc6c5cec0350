"""Custom fields and tags, which hooks and the API spell differently, as one kind of value; and the UTM in them.

A hook has `custom_fields` with `id, name, code, values`, where `values` may be a list, an indexed dictionary, one
dictionary or bare texts. The API has `custom_fields_values` with `field_id, field_name, field_code, values`, or null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.amocrm.brackets import items_of
from integrations.amocrm.values import id_of, text_of

PHONE_CODE = "PHONE"
# Old hooks and hand-made ones tell no code; these are the names that the standard field has.
_PHONE_NAMES = frozenset(
    {"телефон", "номер телефона", "мобильный телефон", "phone", "phone number", "telefon", "telefone", "teléfono"}
)
# A URL has its UTM behind whatever else stands in its query, six characters for each letter of Russian.
_LONGEST_VALUE = 10_000


@dataclass(frozen=True, slots=True)
class Field:
    """A custom field with its values as text. `code` is upper case; what was not told is None or empty."""

    field_id: int | None
    name: str
    code: str
    values: tuple[str, ...]


def fields_of(entity: Mapping[str, Any]) -> tuple[Field, ...]:
    """The custom fields of a lead or contact of a hook or of the API, in their order, those without values too."""
    raw_fields = [*items_of(entity.get("custom_fields_values")), *items_of(entity.get("custom_fields"))]
    return tuple(_field(raw) for raw in raw_fields if isinstance(raw, dict))


def tags_of(entity: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the tags of a lead of a hook (`tags`) or of the API (`_embedded.tags`)."""
    embedded = entity.get("_embedded")
    nodes = (entity.get("tags"), embedded.get("tags") if isinstance(embedded, dict) else None)
    names = (text_of(tag.get("name") if isinstance(tag, dict) else tag) for node in nodes for tag in items_of(node))
    return tuple(name for name in names if name)


def phones_of(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """The phones of a contact as typed: of the field with the code PHONE, then of one without code that is named so."""
    coded = [field for field in fields if field.code == PHONE_CODE]
    named = [field for field in fields if not field.code and field.name.casefold().strip(" :.") in _PHONE_NAMES]
    return tuple(dict.fromkeys(value for field in coded + named for value in field.values))


def _field(raw: dict[str, Any]) -> Field:
    return Field(
        field_id=id_of(_first(raw, "field_id", "id")),
        name=text_of(_first(raw, "field_name", "name")),
        code=text_of(_first(raw, "field_code", "code")).upper(),
        values=tuple(text for value in _values(raw) if (text := text_of(value, _LONGEST_VALUE))),
    )


def _first(raw: dict[str, Any], *keys: str) -> object:
    for key in keys:
        if (value := raw.get(key)) is not None:
            return value
    return None


def _values(raw: dict[str, Any]) -> Iterator[object]:
    node = raw.get("values", raw.get("value"))
    if isinstance(node, dict) and "value" in node:  # a radio button: one dictionary instead of a list
        yield node["value"]
    elif isinstance(node, (dict, list)):
        # Dates are bare: `values[0]=1689282000` without `[value]`.
        yield from (item.get("value") if isinstance(item, dict) else item for item in items_of(node))
    else:
        yield node
