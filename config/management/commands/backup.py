"""`backup FOLDER`: the database and the keys, while everything runs. How to restore: docs/operations.md."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from config import pooler

KEYS = ("secret_key", "field_encryption_key")
UNFINISHED = ".voronka-backup."
# A backup that writes nothing for so long was killed.
ABANDONED = 24 * 60 * 60


class Command(BaseCommand):
    help = "Write the database and the keys that were made under var/ into a new folder, which only you can read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].absolute()
        if folder.exists():
            raise CommandError(f"{folder} is there already. A backup wants a folder of its own.")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _tidy(folder.parent)
        except OSError as error:
            raise CommandError(f"{folder} cannot be made: {error.strerror}.") from None
        try:
            # Under another name until it is whole, and gone if it never is: half a backup would be taken for one.
            with TemporaryDirectory(dir=folder.parent, prefix=UNFINISHED) as aside:
                made = [path.name for path in _written(Path(aside, "backup"))]
                Path(aside, "backup").rename(folder)
        except (OSError, DatabaseError) as error:
            raise CommandError(f"The backup was not written: {error}.") from None
        for name in made:
            self.stdout.write(str(folder / name))
        if len(made) <= len(KEYS):
            self.stderr.write("SECRET_KEY or FIELD_ENCRYPTION_KEYS is not under var/: keep your environment as well.")


def _tidy(parent: Path) -> None:
    """Remove what backups left there that were killed: as large as one, and out of sight."""
    for left in parent.glob(f"{UNFINISHED}*"):
        if max(path.lstat().st_mtime for path in (left, *left.rglob("*"))) < time.time() - ABANDONED:
            shutil.rmtree(left)


def _written(folder: Path) -> list[Path]:
    folder.mkdir(mode=0o700)
    made = [_postgresql(folder) if connection.vendor == "postgresql" else _sqlite(folder)]
    keys = [settings.VAR_DIR / name for name in KEYS]
    return made + [Path(shutil.copy2(key, folder)) for key in keys if key.exists()]


def _sqlite(folder: Path) -> Path:
    """A whole and compact copy, as of one moment, without stopping who writes."""
    path = folder / "voronka.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    return path


def _postgresql(folder: Path) -> Path:
    if pooler.is_between(connection):
        raise CommandError(
            "A pooler stands before PostgreSQL, and pg_dump would leave it connections on which nobody finds a table."
            " Give this command the server's own address: DATABASE_URL=postgres://… python manage.py backup FOLDER."
        )
    path = folder / "voronka.dump"
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    address = {name: value for name, value in connection.get_connection_params().items() if name in known}
    # By the environment, since other users of the machine see arguments.
    env = os.environ | {"PGPASSWORD": str(address.pop("password", ""))}
    command = ["pg_dump", "--format=custom", "--no-owner", "--file", str(path), "--dbname", make_conninfo(**address)]
    try:
        subprocess.run(command, env=env, check=True)
    except subprocess.CalledProcessError as error:
        raise OSError(f"pg_dump ended with {error.returncode}") from error
    return path
