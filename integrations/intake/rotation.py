"""Key rotation: a new address is registered at amoCRM before the old one is retired, so that no delivery falls between."""

from __future__ import annotations

from django.db.models import F

from integrations.models import AmoCRMConnection, ConnectionState
from leads.models import UserAccount


def rotate(account: UserAccount) -> UserAccount:
    """Sign with a new key version, move amoCRM's hook to it, retire the older versions. The fresh account."""
    accounts = UserAccount.objects.filter(pk=account.pk)
    accounts.update(hook_key_version=F("hook_key_version") + 1)
    account.refresh_from_db()
    connection = AmoCRMConnection.objects.filter(user_account=account, state=ConnectionState.CONNECTED).first()
    if connection is not None:
        from integrations.connecting.hooks import hook_move

        hook_move(connection)
    accounts.update(hook_key_oldest=account.hook_key_version)
    account.refresh_from_db()
    return account
