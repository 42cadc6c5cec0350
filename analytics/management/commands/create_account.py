"""`create_account NAME --email E --password P`: a new account, its owner, and its four targetologists."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from analytics.models import Targetologist
from leads.models import UserAccount
from leads.services.accounts import account_create, token_create
from leads.services.commands import answer, one_line_errors

STARTING_TARGETOLOGISTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Kenesary", "👑", ("tripwire", "nutcab", "kenesary", "kenji")),
    ("Arystan", "🦁", ("arystan",)),
    ("Muha", "🚀", ("on ai", "onai", "запуск", "yourmarketolog", "muha")),
    ("Traf4", "⚡", ("alex", "traf4", "proftest", "pb_agency")),
)


class Command(BaseCommand):
    help = 'Create an account and its owner. Prints {"user_account_id", "token"}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--email", required=True, help="The owner; a known e-mail gets a second account.")
        parser.add_argument("--password", required=True)
        parser.add_argument("--phone-region", default="KZ", help="Country of numbers without a country code.")
        parser.add_argument("--currency", default="", help="KZT unless said, and amoCRM's once that is connected.")
        parser.add_argument("--timezone", default="Asia/Almaty")

    def handle(self, *args: Any, **options: Any) -> None:
        fields = ("name", "email", "password", "phone_region", "currency", "timezone")
        with one_line_errors(), transaction.atomic():
            admission = account_create(**{field: options[field] for field in fields})
            add_starting_targetologists(admission.account)
            token = token_create(admission.user)
        if admission.password_kept:
            self.stderr.write(f"{admission.user.email} is known already and keeps the old password.")
        answer(self, {"user_account_id": admission.account.pk, "token": token})


def add_starting_targetologists(account: UserAccount) -> None:
    Targetologist.objects.bulk_create(
        Targetologist(user_account=account, name=name, emoji=emoji, patterns=list(patterns), position=position)
        for position, (name, emoji, patterns) in enumerate(STARTING_TARGETOLOGISTS, start=1)
    )
