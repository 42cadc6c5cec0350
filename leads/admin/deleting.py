"""Deleting what leads, sales and spend are credited to: they stay and lose the credit, which is said before."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from leads.admin.base import AccountScopedAdmin, Row
from leads.deals.apply import lock_account
from leads.models import UserAccount


class CreditedAdmin(AccountScopedAdmin[Row]):
    """Under the account's lock: a drain may be crediting a deal to what is being deleted."""

    delete_confirmation_template = "admin/leads/delete.html"
    delete_selected_confirmation_template = "admin/leads/delete_selected.html"

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        lock_account(obj.user_account)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Row]) -> None:
        ids = queryset.order_by().values("user_account")
        for account in UserAccount.objects.filter(pk__in=ids).order_by("pk"):
            lock_account(account)
        super().delete_queryset(request, queryset)
