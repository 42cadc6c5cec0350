"""What pages need to know of the account's amoCRM."""

from __future__ import annotations

from dataclasses import dataclass

from django import template

from integrations.models import AmoCRMConnection
from leads.models import UserAccount

register = template.Library()


@dataclass(frozen=True, slots=True)
class AmoCRM:
    """`leads_url`: the address before a deal's number, empty when amoCRM was never connected. `currency` of prices."""

    leads_url: str
    currency: str


@register.simple_tag
def amocrm_of(account: UserAccount) -> AmoCRM:
    row = AmoCRMConnection.objects.filter(user_account=account).values_list("host", "currency").first()
    host, currency = row or ("", "")
    return AmoCRM(f"https://{host}/leads/detail/" if host else "", currency or account.currency)
