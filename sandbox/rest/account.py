"""`/api/v4/account`, users, custom fields, tags."""

from __future__ import annotations

from typing import Any

from sandbox.crm.fields import Fields
from sandbox.crm.tags import Tags
from sandbox.web.messages import Response

from .call import Call, nothing, ok
from .problems import ApiError
from .query import numbers, read_list, read_with, texts
from .shapes import field_shape, tags_shape


def read_account(call: Call) -> Response:
    """GET /account."""
    profile, with_ = call.account.profile, read_with(call.request)
    shown: dict[str, Any] = {
        "id": profile.id, "name": profile.name, "subdomain": profile.subdomain, "created_at": profile.created_at,
        "created_by": 0, "updated_at": profile.created_at, "updated_by": 0, "current_user_id": call.account.user_id,
        "country": profile.country, "currency": profile.currency, "currency_symbol": profile.currency_symbol,
        "customers_mode": "disabled", "is_unsorted_on": True, "mobile_feature_version": 0,
        "is_loss_reason_enabled": True, "is_helpbot_enabled": False, "is_technical_account": False,
        "contact_name_display_order": 1,
    }  # fmt: skip
    shown |= {name: value for name, value in _extras(call).items() if name in with_}
    embedded = {name: value for name, value in _embedded(call).items() if name in with_}
    shown["_links"] = {"self": {"href": f"{call.root}/api/v4/account"}}
    if embedded:
        shown["_embedded"] = embedded
    return ok(shown)


def _extras(call: Call) -> dict[str, Any]:
    return {
        "amojo_id": "2b13cae0-0000-4000-8000-000000000000",
        "version": 14,
        "drive_url": f"https://drive-b.{call.account.profile.domain}",
        "is_api_filter_enabled": call.account.profile.is_api_filter_enabled,
    }


def _embedded(call: Call) -> dict[str, Any]:
    profile = call.account.profile
    return {
        "amojo_rights": {"can_direct": False, "can_create_groups": False},
        "users_groups": [{"id": 0, "name": "Отдел продаж", "uuid": None}],
        "task_types": [{"id": 1, "name": "Звонок", "color": None, "icon_id": None, "code": "FOLLOW_UP"}],
        "entity_names": {"leads": {"ru": {"gender": "f", "singular_form": {"default": "сделка"}}}},
        "invoices_settings": {"lang": None, "currency": profile.currency},
        "datetime_settings": {
            "date_pattern": "d.m.Y H:i", "short_date_pattern": "d.m.Y", "short_time_pattern": "H:i",
            "date_formant": "d.m.Y", "time_format": "H:i:s", "timezone": profile.timezone,
            "timezone_offset": profile.timezone_offset,
        },
    }  # fmt: skip


def list_users(call: Call) -> Response:
    """GET /users."""
    query = read_list(call.request)
    rows = [_user(call, user_id) for user_id in call.account.users]
    return call.page("users", query, rows[query.start : query.stop], has_next=len(rows) > query.stop)


def read_user(call: Call, user_id: int) -> Response:
    """GET /users/{id}."""
    if user_id not in call.account.users:
        raise ApiError(404, "User not found")
    return ok(_user(call, user_id))


def _user(call: Call, user_id: int) -> dict[str, Any]:
    user = call.account.users[user_id]
    rights = {"is_admin": user.is_admin, "is_free": False, "is_active": True, "group_id": None, "role_id": None}
    return {
        "id": user.id, "name": user.name, "email": user.email, "lang": "ru", "rights": rights,
        "_links": call.self_link(f"users/{user.id}"),
    }  # fmt: skip


def list_fields(call: Call, path: str) -> Response:
    """GET /{leads|contacts|companies}/custom_fields."""
    query = read_list(call.request)
    rows = [field_shape(call, path, field) for field in _fields(call, path).by_id.values()]
    return call.page("custom_fields", query, rows[query.start : query.stop], has_next=len(rows) > query.stop)


def read_field(call: Call, path: str, field_id: int) -> Response:
    """GET /{leads|contacts|companies}/custom_fields/{id}."""
    field = _fields(call, path).by_id.get(field_id)
    return nothing() if field is None else ok(field_shape(call, path, field))


def create_fields(call: Call, path: str) -> Response:
    """POST /{leads|contacts|companies}/custom_fields."""
    made = []
    for row in call.rows():
        choices = tuple(str(enum["value"]) for enum in row.get("enums") or [])
        field = _fields(call, path).define(
            str(row.get("name") or ""), str(row.get("type") or "text"), code=row.get("code"), choices=choices
        )
        made.append(field_shape(call, path, field))
    return ok({"_total_items": len(made), "_embedded": {"custom_fields": made}})


def list_tags(call: Call, path: str) -> Response:
    """GET /{leads|contacts|companies}/tags, with the filters by name and id that need no add-on."""
    query = read_list(call.request)
    tags = _tags(call, path)
    names, ids = texts(query.filter.get("name")), numbers(query.filter.get("id"))
    found = [
        tag.id
        for tag in tags.by_id.values()
        if (not names or tag.name in names)
        and (not ids or tag.id in ids)
        and query.query.casefold() in tag.name.casefold()
    ]
    rows = tags_shape(tags, found[query.start : query.stop])
    return call.page("tags", query, rows, has_next=len(found) > query.stop)


def create_tags(call: Call, path: str) -> Response:
    """POST /{leads|contacts|companies}/tags."""
    made = [_tags(call, path).named(str(row.get("name") or "")).id for row in call.rows()]
    rows = [{**row, "request_id": str(at)} for at, row in enumerate(tags_shape(_tags(call, path), made))]
    return ok({"_total_items": len(rows), "_embedded": {"tags": rows}})


def _fields(call: Call, path: str) -> Fields:
    account = call.account
    return {"leads": account.deals, "contacts": account.contacts, "companies": account.companies}[path].fields  # type: ignore[attr-defined,no-any-return]


def _tags(call: Call, path: str) -> Tags:
    account = call.account
    return {"leads": account.deals, "contacts": account.contacts, "companies": account.companies}[path].tags  # type: ignore[attr-defined,no-any-return]
