"""The `state` of OAuth: single-use, 20 minutes, good only in the browser session that started it."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from integrations.models import OAuthState
from leads.models import User, UserAccount
from leads.told import told

LIFETIME = timedelta(minutes=20)
_SESSION_KEY = "amocrm_oauth_states"
_KEPT_IN_SESSION = 100


class StateRefused(Exception):
    """The text is for people."""


class ForeignState(StateRefused):
    """Started in another session, or by another person."""


def start(session: SessionBase, user: User, account: UserAccount, subdomain: str = "") -> str:
    """A new state, to be carried to amoCRM and back."""
    key = secrets.token_urlsafe(32)
    OAuthState.objects.filter(created_at__lt=timezone.now() - timedelta(days=1)).delete()
    OAuthState.objects.create(key=key, user=user, user_account=account, subdomain=subdomain)
    # In the session itself: signing out, or signing in as someone else, ends what was started there.
    session[_SESSION_KEY] = [*session.get(_SESSION_KEY, []), key][-_KEPT_IN_SESSION:]
    return key


def use(session: SessionBase, user: User | None, key: str) -> UserAccount:
    """The account for which the state was started; the state is used up.

    :raises ForeignState: it belongs to another session or person.
    :raises StateRefused: unknown, used or expired.
    """
    state = OAuthState.objects.filter(key=key).select_related("user_account").first() if key else None
    if state is None:
        raise StateRefused(told("This sign-in to amoCRM is unknown. Begin again from the connection page."))
    if user is None or state.user_id != user.pk or key not in session.get(_SESSION_KEY, []):
        raise ForeignState(
            told("This sign-in to amoCRM was begun in another session. Begin again from the connection page.")
        )
    fresh = OAuthState.objects.filter(key=key, used_at__isnull=True, created_at__gt=timezone.now() - LIFETIME)
    if not fresh.update(used_at=timezone.now()):
        raise StateRefused(told("This sign-in to amoCRM is used up or older than 20 minutes. Begin again."))
    return state.user_account
