from integrations.models.alerts import Alert
from integrations.models.connection import FORMER, NO_PROBLEM, AmoCRMConnection, ConnectionState, OAuthState, Problem
from integrations.models.meta import MetaAdAccount, MetaAdDay, MetaProblem, MetaPull
from integrations.models.notifications import (
    NotificationKind,
    NotificationSettings,
    NotificationState,
    SaleNotification,
)
from integrations.models.push import DealTag, LeadPush, PushSettings
from integrations.models.rate import RateSlot
from integrations.models.retention import DeliveryRemoval, RetentionSettings
from integrations.models.sync import HookDay, SyncDue, SyncGap, SyncRun, SyncStaged
from integrations.models.webhooks import Hook, ProcessingStatus, WebhookLog

__all__ = [
    "FORMER",
    "NO_PROBLEM",
    "Alert",
    "AmoCRMConnection",
    "ConnectionState",
    "DealTag",
    "DeliveryRemoval",
    "Hook",
    "HookDay",
    "LeadPush",
    "MetaAdAccount",
    "MetaAdDay",
    "MetaProblem",
    "MetaPull",
    "NotificationKind",
    "NotificationSettings",
    "NotificationState",
    "OAuthState",
    "Problem",
    "ProcessingStatus",
    "PushSettings",
    "RateSlot",
    "RetentionSettings",
    "SaleNotification",
    "SyncDue",
    "SyncGap",
    "SyncRun",
    "SyncStaged",
    "WebhookLog",
]
