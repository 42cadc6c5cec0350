from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = _("Analytics")

    def ready(self) -> None:
        from analytics.pages.narrowers import register
        from analytics.rollups.install import connect_signals

        register()
        connect_signals(self)
