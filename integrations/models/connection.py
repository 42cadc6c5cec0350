"""An account's connection to amoCRM: its tokens, its state, what is wrong with it, and its drain's lease."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from integrations.secrets import EncryptedTextField
from leads.models import UserAccount


class ConnectionState(models.TextChoices):
    CONNECTED = "connected", _("connected")
    RECONNECT_NEEDED = "reconnect_needed", _("reconnect needed")
    DISCONNECTED = "disconnected", _("disconnected")


class Problem(models.TextChoices):
    """A condition of the connection for which the backlog waits. It is nobody's single delivery's fault."""

    OUTAGE = "outage", _("amoCRM does not answer")
    RATE_LIMITED = "rate_limited", _("amoCRM asks us to slow down")
    BLOCKED = "blocked", _("amoCRM blocks requests")
    RECONNECT_NEEDED = "reconnect_needed", _("the connection has to be renewed")
    UNPAID = "unpaid", _("the amoCRM account is not paid")


FORMER = "former"
"""In `metadata`: the ids of the amoCRM accounts that gave way to another, each with when it did, in order."""

NO_PROBLEM: dict[str, Any] = {
    "problem_code": "",
    "problem_detail": "",
    "problem_since": None,
    "next_attempt_at": None,
    "failures": 0,
}
"""The columns of a connection for which nothing is waited for."""


class AmoCRMConnection(models.Model):
    user_account = models.OneToOneField(
        UserAccount, models.CASCADE, related_name="amocrm_connection", verbose_name=_("account")
    )
    integration_type = models.CharField(max_length=20, default="amocrm", editable=False)
    state = models.CharField(
        _("state"), max_length=20, choices=ConnectionState.choices, default=ConnectionState.DISCONNECTED
    )

    access_token = EncryptedTextField(blank=True, default="")
    refresh_token = EncryptedTextField(
        blank=True, default="", help_text=_("Empty for a long-lived token, which cannot be refreshed.")
    )
    token_expires_at = models.DateTimeField(_("token expires"), null=True, blank=True)
    token_refreshed_at = models.DateTimeField(_("token refreshed"), null=True, blank=True)
    # Single-flight: who holds this lease refreshes, everyone else waits for the new pair.
    refresh_lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    subdomain = models.CharField(_("subdomain"), max_length=100, blank=True, default="")
    host = models.CharField(_("host"), max_length=255, blank=True, default="")
    amocrm_account_id = models.BigIntegerField(_("amoCRM account id"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    is_api_filter_enabled = models.BooleanField(
        _("filter add-on"), null=True, blank=True, help_text=_("Whether the account has paid for filter[…].")
    )
    metadata = models.JSONField(_("what amoCRM says of the account"), default=dict, blank=True)

    webhook_active = models.BooleanField(_("hook active"), default=False)
    webhook_destination = EncryptedTextField(_("hook address"), blank=True, default="")
    webhook_detail = models.TextField(
        _("why the hook is not active"), blank=True, default="", help_text=_("What amoCRM said when we registered it.")
    )

    # What the backlog waits for. `failures` counts tries in a row and sets the backoff.
    problem_code = models.CharField(_("problem"), max_length=20, choices=Problem.choices, blank=True, default="")
    problem_detail = models.TextField(_("problem in words"), blank=True, default="")
    problem_since = models.DateTimeField(_("problem since"), null=True, blank=True)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    # The drain's readings in a row that amoCRM did not answer. Not reset by others whom it answers: it may be the
    # reading that it cannot answer.
    failed_readings = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    # One drain at a time: the holder's random key and when it lapses if the holder dies.
    lease_key = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(_("drained until"), null=True, blank=True, editable=False)

    connected_at = models.DateTimeField(_("connected"), null=True, blank=True)
    # When the hook was registered and the pipelines read after connecting; null: still to be done.
    set_up_at = models.DateTimeField(null=True, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "user_account_integrations"
        verbose_name = _("amoCRM connection")
        verbose_name_plural = _("amoCRM connections")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["amocrm_account_id"],
                condition=~models.Q(state="disconnected"),
                name="one_account_per_amocrm_account",
            )
        ]

    def __str__(self) -> str:
        return self.host or str(self.user_account)

    def unless_reconnected(self) -> models.QuerySet[AmoCRMConnection]:
        """The row, as a query that finds nothing once somebody has connected anew: what was asked of the former
        connection is not said of that one."""
        return AmoCRMConnection.objects.filter(pk=self.pk, connected_at=self.connected_at)

    @property
    def own_spans(self) -> list[tuple[datetime | None, datetime | None]]:
        """From when until when (None: open) this amoCRM account was the one connected: what was met at other times is
        another's."""
        spans: list[tuple[datetime | None, datetime | None]] = []
        since: datetime | None = None
        for amocrm_account_id, left_at in self.metadata.get(FORMER, []):
            until = parse_datetime(left_at)
            if amocrm_account_id == self.amocrm_account_id:
                spans.append((since, until))
            since = until
        return [*spans, (since, None)]

    @property
    def is_long_lived(self) -> bool:
        return bool(self.access_token) and not self.refresh_token


class OAuthState(models.Model):
    """One started authorisation: single use, 20 minutes, of the user and session that started it."""

    key = models.CharField(max_length=64, primary_key=True)
    user_account = models.ForeignKey(UserAccount, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    subdomain = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "amocrm_oauth_states"
