"""What a message says. Plain text: what clients and campaigns are called needs no escaping."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics.models import Referrer, Routing, Sale
from analytics.models.referrals import code_key
from integrations.notify.money import money

UNKNOWN = "❓"
EMPTY = "—"


def sale_text(sale: Sale, referrer: Referrer | None, language: str) -> str:
    """The message about one sale. `referrer`: of the sale's code, if there is one."""
    with translation.override(language):
        lines = [
            f"💰 {_('New sale')}",
            *_earners(sale, referrer),
            f"{_('Client')}: {_client(sale)}",
            f"{_('Amount')}: {money(sale.amount, sale.currency)}",
            f"{_('Product')}: {_line(sale.product)}",
            f"{_('Campaign')}: {_line(sale.utm_campaign)}",
        ]
    return "\n".join(lines)


def summary_text(day: date, sales: Sequence[Sale], referrers: Mapping[str, Referrer], language: str) -> str:
    """The message about a day: how many were sold, for how much, and by whom.

    :param sales: with their targetologists.
    :param referrers: of the sales' codes, by `referrer_key`.
    """
    with translation.override(language):
        count = ngettext("%(n)d sale", "%(n)d sales", len(sales)) % {"n": len(sales)}
        lines = [f"📊 {_('Sales of %(day)s') % {'day': f'{day:%d.%m.%Y}'}}", f"{count}: {_sums(sales)}"]
        by_earner: dict[str, list[Sale]] = defaultdict(list)
        for sale in sales:
            by_earner[_short_earner(sale, referrers.get(referrer_key(sale)))].append(sale)
        for earner, theirs in sorted(by_earner.items(), key=lambda item: (-len(item[1]), item[0])):
            lines.append(f"{earner}: {len(theirs)} · {_sums(theirs)}")
    return "\n".join(lines)


def without_referrer(text: str, codes: Collection[str]) -> str:
    """A message, in whatever language, with only the code where it names the referrer whose codes these are."""
    labels = "|".join(sorted(re.escape(_label_of_referrer(language)) for language, _name in settings.LANGUAGES))
    known = "|".join(sorted(re.escape(code) for code in codes))
    named = rf"^(?P<label>(?:{labels}): )?.*\((?P<code>{known})\)"
    return re.sub(named, lambda line: f"{line['label'] or ''}{line['code']}", text, flags=re.MULTILINE | re.IGNORECASE)


def _label_of_referrer(language: str) -> str:
    with translation.override(language):
        return _("Referrer")


def is_referral(sale: Sale) -> bool:
    return sale.routing_decision in (Routing.REFERRAL, Routing.BOTH)


def referrer_key(sale: Sale) -> str:
    """The code by which the sale's referrer is found; empty for a sale that came by none."""
    return code_key(sale.utm_source) if is_referral(sale) else ""


def _earners(sale: Sale, referrer: Referrer | None) -> list[str]:
    told = []
    if sale.targetologist is not None:
        told.append(f"{_('Targetologist')}: {_line(str(sale.targetologist))}")
    if is_referral(sale):
        told.append(f"{_('Referrer')}: {_line(str(referrer) if referrer else sale.utm_source)}")
    return told or [f"{_('Targetologist')}: {UNKNOWN}"]


def _short_earner(sale: Sale, referrer: Referrer | None) -> str:
    """One name for each, however the code was spelt."""
    if sale.targetologist is not None:
        return _line(str(sale.targetologist))
    return _line(str(referrer or referrer_key(sale))) if is_referral(sale) else UNKNOWN


def _client(sale: Sale) -> str:
    told = [part for part in (sale.client_name, sale.client_phone) if part.strip()]
    return _line(", ".join(dict.fromkeys(told)))


def _sums(sales: Sequence[Sale]) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for sale in sales:
        sums[sale.currency] += sale.amount
    return " + ".join(money(amount, currency) for currency, amount in sorted(sums.items())) or EMPTY


def _line(value: str) -> str:
    """On one line, so that nothing a client typed looks like a line of ours."""
    return " ".join(value.split()) or EMPTY
