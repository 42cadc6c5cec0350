"""What management commands share: errors in one line, an answer in JSON on one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

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
    command.stdout.write(json.dumps(values, ensure_ascii=False, default=str))


def account_argument(value: str) -> UserAccount:
    """The account whose UUID was given on the command line. Raises CommandError."""
    try:
        return UserAccount.objects.get(pk=UUID(value))
    except (ValueError, UserAccount.DoesNotExist):
        raise CommandError(f"“{value}” is no account's UUID.") from None
