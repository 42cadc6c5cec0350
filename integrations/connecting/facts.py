"""What amoCRM says of the account itself. Its people may change it at any time, and no hook tells."""

from __future__ import annotations

from integrations.amocrm.entities import AccountFacts
from integrations.models import AmoCRMConnection
from leads.models import UserAccount


def take_facts(connection: AmoCRMConnection, facts: AccountFacts) -> None:
    """Keep what was read of the account of this connection. Inside a transaction that has its row.

    What is in another currency from now on is what is sold or changed from now on.
    """
    row = AmoCRMConnection.objects.get(pk=connection.pk)
    if row.amocrm_account_id != facts.account_id:
        return
    row.metadata = {**row.metadata, "name": facts.name, "timezone": facts.timezone}
    row.currency = facts.currency or row.currency
    if facts.is_api_filter_enabled is not None:
        row.is_api_filter_enabled = facts.is_api_filter_enabled
    row.save(update_fields=["metadata", "currency", "is_api_filter_enabled"])
    take_currency(connection.user_account, row.currency)


def take_currency(account: UserAccount, currency: str) -> None:
    accounts = UserAccount.objects.filter(pk=account.pk)
    accounts.update(crm_currency=currency)
    if currency:
        accounts.filter(is_currency_assumed=True).update(currency=currency, is_currency_assumed=False)
