"""Signing in with a browser."""

from __future__ import annotations

from django.conf import settings
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from leads.models import User
from leads.tests.cast import client


def sign_in(tab: Page, live_server: LiveServer, path: str, email: str = "sam@example.com") -> None:
    """Without the form, which would be two more pages for each test: `test_walk_browser` fills it in."""
    session = client(User.objects.get(email=email)).cookies[settings.SESSION_COOKIE_NAME]
    tab.context.add_cookies([{"name": session.key, "value": session.value, "url": live_server.url}])
    tab.goto(f"{live_server.url}{path}")
