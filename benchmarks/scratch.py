"""A folder and a database of one's own, gone afterwards: nothing that stands on this machine is touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


@contextmanager
def scratch_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="voronka-scratch-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """The DATABASE_URL of a new database beside the PostgreSQL one of `url`; "" (SQLite in VAR_DIR) for any other.

    :raises psycopg.Error: the server is out of reach, or does not let this user create a database.
    """
    if not url.startswith("postgres"):
        yield ""
        return
    name = f"voronka_scratch_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
