"""People by their phone: who they are among the leads, and how they are known once they asked to be forgotten.

An erased phone becomes a *pseudonym*: one that says nothing to whoever has not the installation's key, and is the same
whenever the phone is. So money keeps its rows, and deals of one person are still seen as such, without the person.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from leads.models import DealPhone, ErasedPhone, Lead, UserAccount
from leads.phones import phones_in

PREFIX = "erased-"
# Letters alone: no reader of phones may ever take a pseudonym for a number.
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
_LENGTH = 13


def pseudonym(account_id: uuid.UUID, e164: str) -> str:
    """`erased-…`, 20 characters, for a phone in E.164, or an id that tells one; another in each account. A pseudonym
    stays as it is."""
    if is_pseudonym(e164):
        return e164
    digest = salted_hmac("voronka.erased", f"{account_id}|{e164}", algorithm="sha256").hexdigest()
    return PREFIX + digest[:_LENGTH].encode().translate(_LETTERS).decode()


def names_of(account_id: uuid.UUID, external_id: str) -> list[str]:
    """An id of another system, as it is and as an erasure may have left it."""
    return [external_id, pseudonym(account_id, external_id)]


def is_pseudonym(phone: str | None) -> bool:
    return bool(phone) and str(phone).startswith(PREFIX)


def is_erased(lead: Lead) -> bool:
    """Whether the person behind the lead asked to be forgotten."""
    return is_pseudonym(lead.phone_e164) or any(is_pseudonym(phone) for phone in lead.contact_phones)


def erased_among(account: UserAccount, phones: Iterable[str]) -> frozenset[str]:
    """Those of the phones (E.164) that were erased here."""
    pseudonyms = {pseudonym(account.pk, phone): phone for phone in phones}
    if not pseudonyms:
        return frozenset()
    found = ErasedPhone.objects.filter(user_account=account, pseudonym__among=pseudonyms)
    return frozenset(pseudonyms[known] for known in found.values_list("pseudonym", flat=True))


def remember_again(account: UserAccount, phones: Iterable[str]) -> None:
    """Somebody entered these phones (E.164) here anew: what the CRM says of them counts again from now on."""
    pseudonyms = [pseudonym(account.pk, phone) for phone in phones]
    if pseudonyms:
        ErasedPhone.objects.filter(user_account=account, pseudonym__in=pseudonyms).delete()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody known by a phone. `phones`: that one and all others of the same contacts, with their pseudonyms."""

    account: UserAccount
    asked: str
    phones: frozenset[str]
    lead_ids: frozenset[int]
    deal_ids: frozenset[int]
    contact_ids: frozenset[int]

    @property
    def pseudonym(self) -> str:
        return pseudonym(self.account.pk, self.asked)

    @property
    def numbers(self) -> frozenset[str]:
        """The phones in E.164 alone."""
        return frozenset(phone for phone in self.phones if not is_pseudonym(phone))


def find_person(account: UserAccount, phone: str) -> Person:
    """The person with this phone, in any spelling. Somebody unknown has no leads.

    Phones reach one step: the other phones of a lead's contact are the person's, but whoever shares only one of those
    is not asked further, or an office's switchboard would make one person of all its clients.

    :raises ValidationError: the text holds no phone, or several.
    """
    found = phones_in(phone, account.phone_region)
    if len(found) != 1:
        raise ValidationError(_("Give one phone, such as +7 701 123 45 67."))
    asked = found[0].e164
    phones = _with_pseudonyms(account, [asked])
    leads = _leads_with(account, phones)
    phones |= _with_pseudonyms(account, (known for lead in leads for known in phones_of(lead)))
    leads = _leads_with(account, phones)
    return Person(
        account,
        asked,
        frozenset(phones),
        frozenset(lead.pk for lead in leads),
        frozenset(lead.amocrm_lead_id for lead in leads if lead.amocrm_lead_id),
        frozenset(lead.amocrm_contact_id for lead in leads if lead.amocrm_contact_id),
    )


def phones_of(lead: Lead) -> list[str]:
    """All phones (E.164 or pseudonyms) by which a lead is known."""
    return list(dict.fromkeys([*lead.contact_phones, *([lead.phone_e164] if lead.phone_e164 else [])]))


def national_digits(phones: Iterable[str]) -> frozenset[str]:
    """The digits that every spelling of these phones (E.164) has."""
    return frozenset(str(phonenumbers.parse(phone).national_number) for phone in phones)


def _with_pseudonyms(account: UserAccount, phones: Iterable[str]) -> set[str]:
    return {spelling for phone in phones for spelling in (phone, pseudonym(account.pk, phone))}


def _leads_with(account: UserAccount, phones: set[str]) -> list[Lead]:
    deals = DealPhone.objects.filter(user_account=account, phone_e164__in=phones).values("amocrm_lead_id")
    return list(
        Lead.objects.filter(Q(phone_e164__in=phones) | Q(amocrm_lead_id__in=deals), user_account=account).order_by("pk")
    )
