"""A new password ends the lock that wrong ones brought about."""

from __future__ import annotations

from axes.utils import reset
from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext as _


class NewPasswordOpens:
    """Among the password validators, since those hear of each new password: a lock is for guesses at the former one."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Any will do."""

    def get_help_text(self) -> str:
        return _("Where wrong passwords have closed the sign-in, a new one opens it.")

    def password_changed(self, password: str, user: AbstractBaseUser) -> None:
        reset(username=user.get_username().lower())
