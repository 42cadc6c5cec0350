"""The core's pages in Django's admin. Importing a module registers its pages."""

from leads.admin import accounts, ads, history, leads, stages, tokens, users

__all__ = ["accounts", "ads", "history", "leads", "stages", "tokens", "users"]
