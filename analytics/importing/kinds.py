"""What can be brought over: each kind with its columns. A row passes the same checks as the API's body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import ISO_8601, serializers

from analytics.api.referrals import ReferrerSerializer
from analytics.api.sale_serializers import PurchaseSerializer
from analytics.models import Referrer, Sale, Targetologist
from analytics.models.referrals import code_key
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

    def validate_targetologist(self, value: str) -> Targetologist:
        for person in Targetologist.objects.filter(user_account=_account(self)):
            if value.lower() in (person.name.lower(), str(person).lower()):
                return person
        raise serializers.ValidationError(_("There is no targetologist %s.") % value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        deal_id = attrs.get("amocrm_deal_id", -1)
        # A row that names the purchase is known by that name, another one by its deal.
        if attrs.get("external_id") and not _is_known_sale(self, attrs) and _sales_of(self, deal_id).exists():
            message = _("The sale of deal %s is here already.") % deal_id
            raise serializers.ValidationError({"amocrm_deal_id": message})
        person = attrs.pop("targetologist", None)
        if person is not None:
            attrs["targetologist_id"] = person.pk
        deal = Lead.objects.filter(user_account=_account(self), amocrm_lead_id=deal_id)
        if "lead_id" not in attrs and (lead := deal.first()):
            attrs["lead_id"] = lead.pk
        return attrs


class LeadRow(LeadEntrySerializer):
    """`created_at`: the day on which the lead came."""

    created_at = MomentField(input_formats=TIMES, required=False)


def _account(serializer: serializers.BaseSerializer[Any]) -> UserAccount:
    account: UserAccount = serializer.context["request"].account
    return account


def _sales_of(row: SaleRow, deal_id: int) -> QuerySet[Sale]:
    return Sale.objects.filter(user_account=_account(row), amocrm_deal_id=deal_id)


def _is_known_sale(row: SaleRow, said: dict[str, Any]) -> bool:
    """Whether the row was brought over before."""
    if external_id := said.get("external_id"):
        names = names_of(_account(row).pk, external_id)
        return Sale.objects.filter(user_account=_account(row), external_id__in=names).exists()
    return _sales_of(row, said.get("amocrm_deal_id", -1)).exists()


def _save_sale(row: SaleRow) -> bool:
    if _is_known_sale(row, row.validated_data):
        return False
    row.save()
    return True


def _save_lead(row: LeadRow) -> bool:
    lead, is_new = row.enter()
    if is_new and (created_at := row.validated_data.get("created_at")):
        Lead.objects.filter(pk=lead.pk).update(created_at=created_at)
    return is_new


def _save_referrer(row: ReferrerSerializer) -> bool:
    said = row.validated_data
    known = Referrer.objects.filter(user_account=_account(row), code_key=code_key(said["code"])).first()
    # Who has the code and is nobody else by what the row says was brought over before.
    if known and all(getattr(known, name) == value for name, value in said.items() if value and name != "code"):
        return False
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
