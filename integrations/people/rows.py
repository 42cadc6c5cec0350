"""What is kept about a person, table by table."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from analytics.models import ReferralConversion, ReferralEarning, Referrer, Sale
from integrations.models import DealTag, LeadPush, SaleNotification, SyncGap
from leads.models import Lead, LeadStatusHistory
from leads.people import Person


def leads_of(person: Person) -> QuerySet[Lead]:
    return Lead.objects.filter(pk__in=person.lead_ids).order_by("pk")


def history_of(person: Person) -> QuerySet[LeadStatusHistory]:
    return LeadStatusHistory.objects.filter(user_account=person.account, lead__in=person.lead_ids)


def sales_of(person: Person) -> QuerySet[Sale]:
    """Of the person's deals and leads, and purchases by hand with one of the phones."""
    theirs = Q(lead__in=person.lead_ids) | Q(amocrm_deal_id__in=person.deal_ids)
    for phone in person.phones:
        theirs |= Q(client_phones__icontains=phone)
    return Sale.objects.filter(theirs, user_account=person.account).order_by("pk")


def conversions_of(person: Person) -> QuerySet[ReferralConversion]:
    return ReferralConversion.objects.filter(_bought_or_referred(person)).order_by("pk")


def earnings_of(person: Person) -> QuerySet[ReferralEarning]:
    return ReferralEarning.objects.filter(_bought_or_referred(person)).order_by("pk")


def _bought_or_referred(person: Person) -> Q:
    """Of a sale to the person, or what they earned as a referrer."""
    return Q(sale__in=sales_of(person).values("pk")) | Q(referrer__in=referrers_of(person).values("pk"))


def referrers_of(person: Person) -> QuerySet[Referrer]:
    return Referrer.objects.filter(user_account=person.account, phone_e164__in=person.phones).order_by("pk")


def notifications_of(person: Person) -> QuerySet[SaleNotification]:
    return SaleNotification.objects.filter(sale__in=sales_of(person).values("pk")).order_by("pk")


def codes_of(referrer: Referrer) -> set[str]:
    """Those by which anything was sold, and the present one: a code may be changed."""
    return {referrer.code, *referrer.conversions.values_list("code", flat=True)}


def notifications_naming(referrer: Referrer) -> QuerySet[SaleNotification]:
    """About sales to others that the referrer brought, and about days with one of these."""
    named = Q(sale__conversion__referrer=referrer)
    for code in codes_of(referrer):
        named |= Q(text__icontains=f"({code})")
    return SaleNotification.objects.filter(named, user_account=referrer.user_account_id).exclude(text="").order_by("pk")


def pushes_of(person: Person) -> QuerySet[LeadPush]:
    return LeadPush.objects.filter(lead__in=person.lead_ids).order_by("pk")


def tags_of(person: Person) -> QuerySet[DealTag]:
    return DealTag.objects.filter(user_account=person.account, amocrm_lead_id__in=person.deal_ids).order_by("pk")


def gaps_of(person: Person) -> QuerySet[SyncGap]:
    return SyncGap.objects.filter(user_account=person.account, amocrm_lead_id__in=person.deal_ids).order_by("pk")
