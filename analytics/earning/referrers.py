"""Keeping referrers: a new one earns by the sales that waited for the code."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from analytics.earning.referrals import settle_referrals
from analytics.models import ConversionStatus, Referrer, Sale
from leads.deals.apply import lock_account
from leads.services.rows import take_others

BATCH = 1_000
_SIGNER = Signer(sep="~", salt="analytics.referrer-page")


class CodeTaken(ValidationError):
    """The account has a referrer of this code already, in whatever case."""

    def __init__(self) -> None:
        super().__init__({"code": _("Another referrer has this code already.")})


@transaction.atomic
def referrer_save(referrer: Referrer, changed: Collection[str] = ()) -> Referrer:
    """Save a new or changed referrer, and let them earn by the sales that waited for their code.

    Sales that they are credited with stay theirs when the code changes. With another phone, those that turn out to be
    their own purchases are taken back, and the other way round. Raises CodeTaken.

    :param changed: fields that were entered. Of a known referrer the others stay as they are stored.
    """
    lock_account(referrer.user_account)
    if referrer.pk:
        take_others(referrer, Referrer.objects.get(pk=referrer.pk), changed)
    try:
        with transaction.atomic():
            referrer.save()
    except IntegrityError:
        raise CodeTaken from None
    for sales in _batches(_sales_concerned(referrer)):
        settle_referrals(referrer.user_account, sales)
    return referrer


def _sales_concerned(referrer: Referrer) -> QuerySet[Sale]:
    """Those that wait for the code, and of the referrer's those that are, or were by another phone, their own
    purchases. Of the others nothing follows from what may be changed of a referrer, and there may be very many."""
    own = Q(conversion__status=ConversionStatus.SELF_REFERRAL)
    if referrer.phone_e164:
        own |= Q(client_phones__icontains=referrer.phone_e164)
    waiting = Q(conversion__referrer=None, conversion__code_key=referrer.code_key)
    rows = Sale.objects.filter(user_account=referrer.user_account)
    return rows.filter(waiting | Q(own, conversion__referrer=referrer)).order_by("id")


def _batches(sales: QuerySet[Sale]) -> Iterator[list[Sale]]:
    rows = iter(list(sales))
    while batch := list(islice(rows, BATCH)):
        yield batch


# --- The private page ---


def link_token(referrer: Referrer) -> str:
    """What stands in the address of the referrer's page: nobody can guess it, and rotating makes it void."""
    return _SIGNER.sign(f"{referrer.pk}.{referrer.link_version}")


def referrer_of_token(token: str) -> Referrer | None:
    """The referrer whose link this is; None for a forged or a retired one."""
    try:
        pk, version = _SIGNER.unsign(token).split(".")
    except (BadSignature, ValueError):
        return None
    found = Referrer.objects.filter(pk=pk, link_version=version)
    return found.select_related("user_account").first()


def rotate_link(referrer: Referrer) -> None:
    """Make the link void and give out another."""
    Referrer.objects.filter(pk=referrer.pk).update(link_version=F("link_version") + 1)
    referrer.refresh_from_db(fields=["link_version"])
