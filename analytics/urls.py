from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from analytics.api.referrals import Conversions, Earnings, OneReferrer, Referrers
from analytics.api.reports import FunnelReport, QualificationStats, RoiReport
from analytics.api.sales import OneSale, Sales, TargetologistSales
from analytics.api.spend import ExchangeRates, Spend
from analytics.api.targetologists import OneTargetologist, Targetologists

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("analytics.pages.urls")),
    path("targetologists", Targetologists.as_view()),
    path("targetologists/<int:pk>", OneTargetologist.as_view()),
    path("targetologists/<int:pk>/sales", TargetologistSales.as_view()),
    path("sales", Sales.as_view()),
    path("sales/<int:pk>", OneSale.as_view()),
    path("referrers", Referrers.as_view()),
    path("referrers/<int:pk>", OneReferrer.as_view()),
    path("referrals/conversions", Conversions.as_view()),
    path("referrals/earnings", Earnings.as_view()),
    path("ad-spend", Spend.as_view()),
    path("exchange-rates", ExchangeRates.as_view()),
    path("analytics/roi", RoiReport.as_view()),
    path("analytics/funnel", FunnelReport.as_view()),
    path("amocrm/qualification-stats", QualificationStats.as_view()),
]
