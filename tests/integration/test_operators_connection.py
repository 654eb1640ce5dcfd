"""Operators' commands read a database whatever its defaults are."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from lib.db.operators import connect, postgres_url
from tests.support.inspection import Superuser


def test_times_are_read_where_the_default_writes_them_in_another_way(database_url: str, database: Superuser) -> None:
    """The driver reads ISO dates alone."""
    name = sql.Identifier(database.info.dbname)
    database.execute(sql.SQL("ALTER DATABASE {} SET datestyle = 'SQL, DMY'").format(name))
    with connect(postgres_url(database_url), "test") as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row
    assert isinstance(row[0], datetime)
