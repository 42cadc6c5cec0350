"""What can be brought over: each kind with its columns. A row passes the same checks as the API's body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import ISO_8601, serializers

from analytics.api.referrals import ReferrerSerializer
from analytics.api.sale_serializers import PurchaseSerializer
from analytics.models import Sale, Targetologist
from leads.api.days import MomentField
from leads.api.lead_serializers import LeadEntrySerializer
from leads.ids import MAX_ID
from leads.models import Lead, UserAccount
from leads.people import names_of

TIMES = [ISO_8601, "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y"]


class SaleRow(PurchaseSerializer):
    """`amocrm_deal_id`: the sale is that deal's, and follows it from the deal's next news on."""

    sold_at = MomentField(input_formats=TIMES)
    amocrm_deal_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    targetologist = serializers.CharField(required=False, write_only=True)

    def validate_amocrm_deal_id(self, value: int) -> int:
        if Sale.objects.filter(user_account=_account(self), amocrm_deal_id=value).exists():
            raise serializers.ValidationError(_("The sale of deal %s is here already.") % value)
        return value

    def validate_targetologist(self, value: str) -> Targetologist:
        for person in Targetologist.objects.filter(user_account=_account(self)):
            if value.lower() in (person.name.lower(), str(person).lower()):
                return person
        raise serializers.ValidationError(_("There is no targetologist %s.") % value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        person = attrs.pop("targetologist", None)
        if person is not None:
            attrs["targetologist_id"] = person.pk
        deal = Lead.objects.filter(user_account=_account(self), amocrm_lead_id=attrs.get("amocrm_deal_id", -1))
        if "lead_id" not in attrs and (lead := deal.first()):
            attrs["lead_id"] = lead.pk
        return attrs


class LeadRow(LeadEntrySerializer):
    """`created_at`: the day on which the lead came."""

    created_at = MomentField(input_formats=TIMES, required=False)


def _account(serializer: serializers.BaseSerializer[Any]) -> UserAccount:
    account: UserAccount = serializer.context["request"].account
    return account


def _save_sale(row: SaleRow) -> bool:
    account, external_id = _account(row), row.validated_data.get("external_id")
    names = names_of(account.pk, external_id) if external_id else []
    if Sale.objects.filter(user_account=account, external_id__in=names).exists():
        return False
    row.save()
    return True


def _save_lead(row: LeadRow) -> bool:
    lead, is_new = row.enter()
    if is_new and (created_at := row.validated_data.get("created_at")):
        Lead.objects.filter(pk=lead.pk).update(created_at=created_at)
    return is_new


def _save_referrer(row: ReferrerSerializer) -> bool:
    row.save()
    return True


@dataclass(frozen=True, slots=True)
class Kind:
    """`save` returns whether the row was new."""

    serializer: type[Any]
    columns: frozenset[str]
    save: Callable[[Any], bool]


def _kind(serializer: type[Any], save: Callable[[Any], bool]) -> Kind:
    context = {"request": SimpleNamespace(account=None)}
    fields = serializer(context=context).fields
    return Kind(serializer, frozenset(name for name, field in fields.items() if not field.read_only), save)


def kinds() -> dict[str, Kind]:
    return {
        "sales": _kind(SaleRow, _save_sale),
        "leads": _kind(LeadRow, _save_lead),
        "referrers": _kind(ReferrerSerializer, _save_referrer),
    }
