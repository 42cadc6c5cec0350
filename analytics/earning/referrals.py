"""Referral conversions: which sales came by a referrer's code, and whether they earn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from analytics.earning.credit import referral_code
from analytics.earning.ledger import settle_ledger
from analytics.models import ConversionStatus, ReferralConversion, ReferralEarning, Referrer, Sale
from analytics.models.referrals import code_key, default_rate
from leads.bulk import update_rows
from leads.models import UserAccount

SAVED_COLUMNS = ["code", "code_key", "referrer_id", "status", "commission_rate"]


def settle_referrals(account: UserAccount, sales: Iterable[Sale]) -> list[ReferralEarning]:
    """Make the conversions and the ledger of these saved sales what they should be. Returns the lines added.

    Needs the account's lock. A fixed number of statements, one where no sale came by a code.
    """
    by_id = {sale.pk: sale for sale in sales}
    conversions = {
        conversion.sale_id: conversion
        for conversion in ReferralConversion.objects.filter(sale__id__among=by_id).order_by().select_related("referrer")
    }
    for sale in by_id.values():
        if sale.pk not in conversions and sale.is_paid and referral_code(sale):
            conversions[sale.pk] = ReferralConversion(user_account=account, sale=sale)
    if not conversions:
        return []
    book = _Book(account, [by_id[sale_id] for sale_id in conversions])
    fresh, changed = [], []
    for sale_id, conversion in conversions.items():
        before = _values(conversion)
        _settle(conversion, by_id[sale_id], book)
        if conversion._state.adding:
            fresh.append(conversion)
        elif before != _values(conversion):
            changed.append(conversion)
    if fresh:
        ReferralConversion.objects.bulk_create(fresh)
    update_rows(changed, SAVED_COLUMNS)
    return settle_ledger((conversion, by_id[sale_id]) for sale_id, conversion in conversions.items())


def _values(conversion: ReferralConversion) -> list[object]:
    return [getattr(conversion, column) for column in SAVED_COLUMNS]


class _Book:
    """The account's referrers of some sales' codes, and its default rate."""

    def __init__(self, account: UserAccount, sales: Collection[Sale]) -> None:
        keys = {code_key(referral_code(sale))[:500] for sale in sales} - {""}
        found = Referrer.objects.filter(user_account=account, code_key__in=keys)
        self.by_code = {referrer.code_key: referrer for referrer in found}
        self.default_rate: Decimal = default_rate(account)


def _settle(conversion: ReferralConversion, sale: Sale, book: _Book) -> None:
    code = referral_code(sale)
    if code:
        _follow(conversion, code, book)
    conversion.status = _status(conversion, sale, came_by_code=bool(code))
    if conversion.status == ConversionStatus.ACTIVE and conversion.commission_rate is None:
        assert conversion.referrer is not None
        conversion.commission_rate = conversion.referrer.rate(book.default_rate)


def _follow(conversion: ReferralConversion, code: str, book: _Book) -> None:
    """Take the sale's code. A known referrer stays as long as the code does, also when theirs is changed later."""
    key = code_key(code)[:500]
    if conversion.referrer_id is None or conversion.code_key != key:
        referrer = book.by_code.get(key)
        if conversion.referrer_id is not None and (referrer is None or referrer.pk != conversion.referrer_id):
            conversion.commission_rate = None
        conversion.referrer = referrer
    conversion.code, conversion.code_key = code, key


def _status(conversion: ReferralConversion, sale: Sale, *, came_by_code: bool) -> ConversionStatus:
    if not sale.is_paid or not came_by_code:
        return ConversionStatus.REVERSED
    if conversion.referrer is None:
        return ConversionStatus.WAITING
    if is_own_purchase(conversion.referrer, sale.client_phones):
        return ConversionStatus.SELF_REFERRAL
    return ConversionStatus.ACTIVE


def is_own_purchase(referrer: Referrer, client_phones: Sequence[str]) -> bool:
    return bool(referrer.phone_e164) and referrer.phone_e164 in client_phones
