"""The shared rate: one row per (amoCRM host, integration) says when its next request may leave."""

from __future__ import annotations

from django.db import models


class RateSlot(models.Model):
    bucket = models.CharField(max_length=300, primary_key=True)
    # Seconds since 1970 by the database's clock, which is the one clock that all processes share.
    next_free = models.FloatField(default=0)
    # How many slots were given: a late request holds back the one that comes a whole rate after it.
    sequence = models.BigIntegerField(default=0)
    # Where a request was late: the slot of number `held_from` leaves no sooner than at `held`, and the others at
    # intervals before and after it.
    held = models.FloatField(default=0, db_default=0)
    held_from = models.BigIntegerField(default=0, db_default=0)
    # Told by a 429: until then nothing leaves. Told by a 403: until then not even a probe; 0 is "not blocked".
    paused_until = models.FloatField(default=0)
    blocked_until = models.FloatField(default=0)

    # Until then less urgent requests let live ones, or those of reconciliation, go first.
    live_until = models.FloatField(default=0)
    reconciliation_until = models.FloatField(default=0)

    class Meta:
        db_table = "amocrm_rate_slots"
