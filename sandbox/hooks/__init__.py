"""Webhooks: what their bodies look like, and the courier that brings them, late, twice or never."""
