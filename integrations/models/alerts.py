"""What operators are being told of."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class Alert(models.Model):
    """A condition that is met now. `told_at` null: it has not lasted yet, or Telegram was away."""

    name = models.CharField(max_length=50, primary_key=True)
    since = models.DateTimeField(default=now)
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "alerts"

    def __str__(self) -> str:
        return self.name
