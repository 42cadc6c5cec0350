"""How the product's connections to PostgreSQL are, whatever the server is set to."""

from __future__ import annotations

import os

import psycopg
import pytest
from psycopg import sql

from benchmarks.scratch import scratch_database
from config import databases, environment

pytestmark = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="of PostgreSQL, which has such settings"
)
SET_OTHERWISE = {
    "default_transaction_isolation": "repeatable read",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
}


@pytest.mark.parametrize("own", ["", "?options=-c%20search_path%3Dpublic"], ids=["plain", "with options of its own"])
def test_a_database_that_is_set_otherwise_is_as_the_product_needs_it(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch_database(os.environ["DATABASE_URL"]) as url:
        with psycopg.connect(url, autocommit=True) as link:
            name = sql.Identifier(link.info.dbname)
            for setting, value in SET_OTHERWISE.items():
                link.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), value))
        monkeypatch.setenv("DATABASE_URL", url + own)
        options = databases.database(environment.read())["OPTIONS"]["options"]
        with psycopg.connect(url, options=options) as link:
            rows = [link.execute(f"SHOW {setting}").fetchone() for setting in (*SET_OTHERWISE, "tcp_keepalives_idle")]
    assert [row and row[0].split(",")[0] for row in rows] == ["read committed", "ISO", "postgres", "10"]
