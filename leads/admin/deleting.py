"""Deleting what leads, sales and spend are credited to: they stay and lose the credit, which is said before."""

from __future__ import annotations

from leads.admin.base import AccountScopedAdmin, Row


class CreditedAdmin(AccountScopedAdmin[Row]):
    delete_confirmation_template = "admin/leads/delete.html"
    delete_selected_confirmation_template = "admin/leads/delete_selected.html"
