"""The drain's lease: one drain per connection at a time."""

from __future__ import annotations

from datetime import timedelta

from integrations.lease import Lease
from integrations.models import AmoCRMConnection

# As long as the longest single request (connect 5 s + a deadline of 25 s): it is renewed before each.
LEASE_FOR = timedelta(seconds=30)


def take_lease(connection_id: int) -> Lease | None:
    """The lease of this connection, None while another drain holds it."""
    return Lease.take(AmoCRMConnection.objects.filter(pk=connection_id), LEASE_FOR)
