"""Addresses of the pages about money."""

from __future__ import annotations

from django.urls import path

from analytics.pages.as_of import as_of_page
from analytics.pages.funnel import funnel_page
from analytics.pages.rates import rates_page, rates_template, rates_upload
from analytics.pages.referrer import referrer_page
from analytics.pages.roi import roi_page
from analytics.pages.sales import sales_page
from analytics.pages.spend import spend_page, spend_template
from analytics.pages.spend_upload import spend_upload
from analytics.pages.targetologist import targetologist_page
from analytics.pages.what_if import apply_pattern, apply_rate, what_if

urlpatterns = [
    path("app/what-if", what_if, name="page-what-if"),
    path("app/what-if/pattern", apply_pattern, name="page-what-if-pattern"),
    path("app/what-if/rate", apply_rate, name="page-what-if-rate"),
    path("app/roi", roi_page, name="page-roi"),
    path("app/as-of", as_of_page, name="page-as-of"),
    path("app/funnel", funnel_page, name="page-funnel"),
    path("app/sales", sales_page, name="page-sales"),
    path("app/spend", spend_page, name="page-spend"),
    path("app/spend/template", spend_template, name="page-spend-template"),
    path("app/spend/upload", spend_upload, name="page-spend-upload"),
    path("app/spend/rates", rates_page, name="page-rates"),
    path("app/spend/rates/template", rates_template, name="page-rates-template"),
    path("app/spend/rates/upload", rates_upload, name="page-rates-upload"),
    path("app/targetologists/<int:pk>", targetologist_page, name="page-targetologist"),
    path("r/<str:token>", referrer_page, name="referrer-page"),
]
