"""Money in Django's admin. Importing a module registers its pages."""

from analytics.admin import ledger, queue, referrers, sales, spend, targetologists

__all__ = ["ledger", "queue", "referrers", "sales", "spend", "targetologists"]
