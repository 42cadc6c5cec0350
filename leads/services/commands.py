"""What management commands share: errors in one line, an answer in JSON on one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from leads.models import UserAccount


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a ValidationError into a CommandError: one line on stderr, exit code 1."""
    try:
        yield
    except ValidationError as error:
        if hasattr(error, "error_dict"):
            parts = [f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
        else:
            parts = error.messages
        raise CommandError("; ".join(parts)) from error


def answer(command: BaseCommand, values: Mapping[str, object]) -> None:
    """Print the command's answer as JSON on one line."""
    command.stdout.write(json.dumps(values, ensure_ascii=False, cls=DjangoJSONEncoder))


def account_argument(value: str) -> UserAccount:
    """The account whose UUID was given on the command line. Raises CommandError."""
    try:
        return UserAccount.objects.get(pk=UUID(value))
    except (ValueError, UserAccount.DoesNotExist):
        raise CommandError(f"“{value}” is no account's UUID.") from None


def accounts_argument(value: str | None) -> list[UserAccount]:
    """The account that was named, or all where none was. An empty name is a mistake, not all. Raises CommandError."""
    return list(UserAccount.objects.all()) if value is None else [account_argument(value)]


class CheckCommand(BaseCommand):
    """`check_… [--account]`: each difference on a line of stderr, how many as the answer, exit code 1 if any."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="UUID; left out: all accounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = accounts_argument(options["account"])
        differences = 0
        for account in accounts:
            for difference in self.differences(account):
                differences += 1
                self.stderr.write(f"{account}: {difference}")
        answer(self, {"accounts": len(accounts), **self.said_of(accounts), "differences": differences})
        if differences:
            sys.exit(1)

    def differences(self, account: UserAccount) -> Iterable[object]:
        """Each says itself, as text, what is wrong."""
        raise NotImplementedError

    def said_of(self, accounts: Sequence[UserAccount]) -> Mapping[str, object]:
        """What else the answer says."""
        return {}
