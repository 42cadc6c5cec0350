"""What fails for one account is no reason to leave out those after it; what would fail for all of them is."""

from __future__ import annotations

import psycopg.errors
import pytest
from django.db import DatabaseError, InterfaceError, InternalError, ProgrammingError, connection, transaction

from leads.turns import turn_of


def of_postgresql(cause: psycopg.Error, kind: type[DatabaseError] = ProgrammingError) -> DatabaseError:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "trouble", [ValueError("odd data"), DatabaseError("too long"), of_postgresql(psycopg.errors.SyntaxError())]
)
def test_what_fails_for_one_is_logged_and_the_next_has_its_turn(
    trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    done = []
    for account_id in ("first", "second"):
        with turn_of(account_id, "summary"):
            if account_id == "first":
                raise trouble
            done.append(account_id)
    assert done == ["second"]
    assert all(part in caplog.text for part in ("turn_failed", "first", "summary"))


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["SELECT 1 FROM not_migrated_yet", "SELECT not_migrated_yet FROM leads"])
def test_what_a_migration_has_yet_to_bring_ends_the_round(asked: str) -> None:
    with pytest.raises(DatabaseError), turn_of("first", "sync"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(asked)


@pytest.mark.parametrize("cause", [psycopg.errors.UndefinedTable(), psycopg.errors.UndefinedColumn()])
def test_so_it_does_as_postgresql_says_it(cause: psycopg.Error) -> None:
    with pytest.raises(ProgrammingError), turn_of("first", "sync"):
        raise of_postgresql(cause)


def test_a_database_that_is_out_of_reach_ends_the_round() -> None:
    with pytest.raises(InterfaceError), turn_of("first", "sync"):
        raise InterfaceError("connection already closed")


@pytest.mark.parametrize(
    "cause", [psycopg.errors.ReadOnlySqlTransaction(), psycopg.errors.IdleInTransactionSessionTimeout()]
)
def test_so_does_one_that_may_not_be_written_or_gave_up_a_process_that_stood_still(cause: psycopg.Error) -> None:
    with pytest.raises(InternalError), turn_of("first", "sync"):
        raise of_postgresql(cause, InternalError)
