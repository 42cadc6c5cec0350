"""Bringing sales, leads and referrers over from another system, as CSV."""
