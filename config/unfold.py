"""How the admin looks: its name and colours, and the sidebar."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


def is_superuser(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_superuser)


def _item(title: Any, icon: str, page: str, **more: Any) -> dict[str, Any]:
    return {"title": capfirst(title), "icon": icon, "link": reverse_lazy(f"admin:{page}"), **more}


def _icon(request: HttpRequest) -> str:
    return static("voronka/icon.svg")


def _styles(request: HttpRequest) -> str:
    return static("voronka/admin.css")


def _script(request: HttpRequest) -> str:
    return static("voronka/admin.js")


_INSTALLATION = "config.unfold.is_superuser"

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Voronka",
    "SITE_HEADER": "Voronka",
    "SITE_SUBHEADER": _("ads, deals, money"),
    "SITE_URL": "/app/",
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": reverse_lazy("page-language")},
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "integrations.admin.dashboard.dashboard",
    "STYLES": [_styles],
    "SCRIPTS": [_script],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        # Teal: no status is told by it, so a badge never looks like a button.
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(70.4% .14 182.503)",
            "600": "oklch(51.1% .096 186.391)",
            "700": "oklch(43.7% .078 188.216)",
            "800": "oklch(38.6% .063 188.416)",
            "900": "oklch(33% .05 190)",
            "950": "oklch(27.7% .046 192.524)",
        }
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    _item(_("Home"), "home", "index"),
                    _item(_("Deliveries"), "inbox", "integrations_webhooklog_changelist"),
                    _item(_("Leads"), "person_search", "leads_lead_changelist"),
                    _item(_("Stage history"), "timeline", "leads_leadstatushistory_changelist"),
                ]
            },
            {
                "title": _("Money"),
                "separator": True,
                "items": [
                    _item(_("Sales"), "sell", "analytics_sale_changelist"),
                    _item(_("sales of nobody known"), "help", "analytics_unknownsale_changelist"),
                    _item(_("Referrers"), "handshake", "analytics_referrer_changelist"),
                    _item(_("Referral conversions"), "redeem", "analytics_referralconversion_changelist"),
                    _item(_("Commissions"), "receipt_long", "analytics_referralearning_changelist"),
                    _item(_("Commission settings"), "percent", "analytics_moneysettings_changelist"),
                ],
            },
            {
                "title": _("amoCRM"),
                "separator": True,
                "items": [
                    _item(_("Connections"), "cable", "integrations_amocrmconnection_changelist"),
                    _item(_("Pipeline stages"), "filter_alt", "leads_pipelinestage_changelist"),
                    _item(_("Syncs"), "sync", "integrations_syncrun_changelist"),
                    _item(_("What no hook told"), "link_off", "integrations_syncgap_changelist"),
                    _item(_("Hooks by day"), "monitor_heart", "integrations_hookday_changelist"),
                    _item(_("Leads sent to amoCRM"), "outbox", "integrations_leadpush_changelist"),
                    _item(_("Settings of sending"), "tune", "integrations_pushsettings_changelist"),
                ],
            },
            {
                "title": "Telegram",
                "separator": True,
                "items": [
                    _item(_("Notifications"), "send", "integrations_salenotification_changelist"),
                    _item(_("Notification settings"), "tune", "integrations_notificationsettings_changelist"),
                ],
            },
            {
                "title": _("Advertising"),
                "separator": True,
                "items": [
                    _item(_("Targetologists"), "ads_click", "analytics_targetologist_changelist"),
                    _item(_("Directions"), "signpost", "leads_direction_changelist"),
                    _item(_("Creatives"), "palette", "leads_creative_changelist"),
                    _item(_("Ad spend"), "payments", "analytics_adspend_changelist"),
                    _item(_("Exchange rates"), "currency_exchange", "analytics_exchangerate_changelist"),
                    _item(_("Meta ad accounts"), "campaign", "integrations_metaadaccount_changelist"),
                    _item(_("Readings of Meta"), "download", "integrations_metapull_changelist"),
                ],
            },
            {
                "title": _("Settings"),
                "separator": True,
                "items": [
                    _item(_("Accounts and members"), "apartment", "leads_useraccount_changelist"),
                    _item(_("People's data"), "shield_person", "leads_personrequest_changelist"),
                    _item(
                        _("How long deliveries are kept"), "auto_delete", "integrations_retentionsettings_changelist"
                    ),
                ],
            },
            {
                "title": _("Installation"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _item(_("Users"), "group", "leads_user_changelist", permission=_INSTALLATION),
                    _item(_("API tokens"), "key", "leads_apitoken_changelist", permission=_INSTALLATION),
                    _item(
                        _("Schedule"),
                        "schedule",
                        "django_celery_beat_periodictask_changelist",
                        permission=_INSTALLATION,
                    ),
                    _item(_("Failed sign-ins"), "lock", "axes_accessattempt_changelist", permission=_INSTALLATION),
                ],
            },
        ],
    },
}
