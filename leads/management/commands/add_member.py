"""`add_member ACCOUNT --email E --password P --role R`: let a person into an account, or change their role there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from leads.models import Role
from leads.services.accounts import member_add, token_create
from leads.services.commands import account_argument, answer, one_line_errors


class Command(BaseCommand):
    help = 'Let a person into an account. Prints {"user_account_id", "email", "role", "token"}.'

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="The account's UUID.")
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        account = account_argument(options["account"])
        role = Role(options["role"])
        with one_line_errors(), transaction.atomic():
            admission = member_add(account=account, email=options["email"], password=options["password"], role=role)
            token = token_create(admission.user)
        if admission.password_kept:
            self.stderr.write(f"{admission.user.email} is known already and keeps the old password.")
        answer(
            self,
            {"user_account_id": account.pk, "email": admission.user.email, "role": role, "token": token},
        )
