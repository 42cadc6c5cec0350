"""`webhook_url ACCOUNT [--hook …] [--rotate]`: the signed address to give to amoCRM."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.amocrm.errors import AmoCRMError
from integrations.intake.rotation import rotate
from integrations.intake.signature import hook_url
from integrations.models import Hook
from leads.models import UserAccount
from leads.services.commands import account_argument

HOOKS = {"amocrm": Hook.AMOCRM, "traffic": Hook.TRAFFIC, "referral": Hook.REFERRAL}


class Command(BaseCommand):
    help = (
        "Print the signed address of a hook. --rotate makes a new key first: older addresses answer 403 from then on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the account's UUID")
        parser.add_argument("--hook", choices=sorted(HOOKS), default="amocrm")
        parser.add_argument("--rotate", action="store_true", help="sign with a new key and retire the old one")

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_argument(options["account"])
        if options["rotate"]:
            account = self._rotated(account)
        self.stdout.write(hook_url(account, HOOKS[options["hook"]]))

    def _rotated(self, account: UserAccount) -> UserAccount:
        try:
            return rotate(account)
        except AmoCRMError as error:
            raise CommandError(
                f"amoCRM did not take the new address ({error.detail}). The old one still works: try again later."
            ) from error
