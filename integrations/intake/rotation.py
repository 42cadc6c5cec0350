"""Key rotation: the new address is registered at amoCRM before the old one is retired; no delivery falls between."""

from __future__ import annotations

from django.db.models import F

from integrations.connecting.hooks import hook_register
from integrations.models import AmoCRMConnection, ConnectionState
from leads.models import UserAccount


def rotate(account: UserAccount) -> UserAccount:
    """Sign with a new key version, move amoCRM's hook to it, retire the older versions. The fresh account.

    :raises AmoCRMError: amoCRM did not take the new address; both addresses are good until rotation is tried again.
    """
    accounts = UserAccount.objects.filter(pk=account.pk)
    accounts.update(hook_key_version=F("hook_key_version") + 1)
    mine = accounts.get()
    # One that has to be renewed counts too: its hook at amoCRM still calls the old address.
    connections = AmoCRMConnection.objects.exclude(state=ConnectionState.DISCONNECTED)
    connection = connections.filter(user_account=account).first()
    if connection is not None:
        connection.user_account = mine
        hook_register(connection)
    # Up to the address that amoCRM calls now: somebody else may be about to move the hook to a newer one.
    accounts.filter(hook_key_oldest__lt=mine.hook_key_version).update(hook_key_oldest=mine.hook_key_version)
    return accounts.get()
