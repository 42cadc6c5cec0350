"""The outbox of Telegram messages: one row per message that is to be sent, ever."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from analytics.models import Sale
from leads.models import UserAccount


class NotificationState(models.TextChoices):
    """`sending` is committed before the request leaves; a row that is found there later may have been sent."""

    PENDING = "pending", _("waiting")
    SENDING = "sending", _("being sent")
    SENT = "sent", _("sent")
    FAILED = "failed", _("failed")
    UNCERTAIN = "uncertain", _("uncertain")


class NotificationKind(models.TextChoices):
    SALE = "sale", _("sale")
    SUMMARY = "summary", _("daily summary")


class SaleNotification(models.Model):
    """A message about a sale, or about a day's sales. The constraints are what makes it one per sale, ever."""

    user_account = models.ForeignKey(
        UserAccount, models.CASCADE, related_name="sale_notifications", verbose_name=_("account"), db_index=False
    )
    kind = models.CharField(_("about"), max_length=10, choices=NotificationKind.choices, default=NotificationKind.SALE)
    sale = models.OneToOneField(
        Sale, models.CASCADE, null=True, blank=True, related_name="notification", verbose_name=_("sale")
    )
    delivery_id = models.BigIntegerField(
        _("delivery"), null=True, blank=True, editable=False, help_text=_("Whose news made the sale.")
    )
    day = models.DateField(_("day"), null=True, blank=True, help_text=_("Of a daily summary."))
    channel = models.CharField(_("channel"), max_length=10, default="telegram", editable=False)
    chat_id = models.CharField(
        _("chat"), max_length=64, blank=True, default="", help_text=_("Empty: the installation's TELEGRAM_CHAT_ID.")
    )
    text = models.TextField(_("text"))
    state = models.CharField(
        _("state"), max_length=10, choices=NotificationState.choices, default=NotificationState.PENDING
    )
    detail = models.TextField(_("in words"), blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    # Who sends it now, and when that is certainly over. The key stays, so that a late answer still finds its row.
    lease_key = models.UUIDField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    message_id = models.BigIntegerField(_("Telegram's message id"), null=True, blank=True)
    queued_at = models.DateTimeField(_("queued"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        db_table = "sales_notifications"
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user_account", "day"], name="one_summary_per_day"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is to be sent, or was being sent. Partial, so that it stays as small as the outbox.
            models.Index(
                fields=["id"], condition=models.Q(state__in=["pending", "sending"]), name="notifications_waiting"
            ),
            models.Index(fields=["user_account", "-id"], name="notifications_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class NotificationSettings(models.Model):
    """What an account wants to be told. An account without a row has the defaults."""

    user_account = models.OneToOneField(
        UserAccount, models.CASCADE, related_name="notification_settings", verbose_name=_("account")
    )
    language = models.CharField(
        _("language of messages"), max_length=5, choices=[("ru", "Русский"), ("en", "English")], default="ru"
    )
    daily_summary = models.BooleanField(
        _("daily summary"), default=False, help_text=_("Each morning the sales of the day before.")
    )
    summary_hour = models.PositiveSmallIntegerField(
        _("hour of the summary"),
        default=9,
        validators=[MaxValueValidator(23)],
        help_text=_("0 to 23, in the account's time zone."),
    )
    summary_chat_id = models.CharField(
        _("chat of the summary"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("Empty: the installation's TELEGRAM_CHAT_ID."),
    )

    class Meta:
        db_table = "notification_settings"
        verbose_name = _("notification settings")
        verbose_name_plural = _("notification settings")

    def __str__(self) -> str:
        return str(self.user_account)


def notification_settings(account: UserAccount) -> NotificationSettings:
    """The account's settings; unsaved defaults where it has decided nothing."""
    found = NotificationSettings.objects.filter(user_account=account).first()
    return found or NotificationSettings(user_account=account)
