"""Looks into a test's database as its superuser, whom row-level security hides nothing from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from dev.local_postgres import SUPERUSER
from lib.db.tables import metadata
from tests.support.given_server import Server

type Superuser = psycopg.Connection[tuple[object, ...]]

TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"

ALL_TABLES = sorted(metadata.tables)
USER_TABLES = [name for name in ALL_TABLES if "user_id" in metadata.tables[name].c]


@contextmanager
def superuser(postgres: Server, database_url: str) -> Iterator[Superuser]:
    """Connect to a test's database, every statement committed at once."""
    url = postgres.url(urlsplit(database_url).path.lstrip("/"), user=SUPERUSER)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def tables(connection: Superuser) -> list[str]:
    """Every table of the project, Alembic's included."""
    return [str(name) for (name,) in connection.execute(TABLES)]


def contents(connection: Superuser) -> dict[str, list[str]]:
    """Every row of every table as text, bytes as hex."""
    return {table: _rows(connection, table) for table in tables(connection)}


def fingerprint(connection: Superuser) -> list[tuple[object, ...]]:
    """What changes when any row of any table does; one round trip, for tests that look often."""
    part = sql.SQL("SELECT {name}, md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {table} AS t")
    parts = [part.format(name=sql.Literal(name), table=sql.Identifier(name)) for name in ALL_TABLES]
    return connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()


def places_of(connection: Superuser, secret: str) -> list[str]:
    """Which columns hold a text anywhere, inside JSON and bytes too, as `table.column`."""
    columns = connection.execute(
        "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_name = ANY(%s)",
        [tables(connection)],
    ).fetchall()
    return [f"{table}.{column}" for table, column in columns if _holds(connection, str(table), str(column), secret)]


def _holds(connection: Superuser, table: str, column: str, secret: str) -> bool:
    query = sql.SQL("SELECT count(*) FROM {table} WHERE {column}::text LIKE ANY(%s)").format(
        table=sql.Identifier(table), column=sql.Identifier(column)
    )
    escaped = secret.replace("\\", "\\\\").replace("_", r"\_").replace("%", r"\%")
    row = connection.execute(query, [[f"%{escaped}%", f"%{secret.encode().hex()}%"]]).fetchone()
    return row is not None and row[0] != 0


def _rows(connection: Superuser, table: str) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {table} AS t ORDER BY 1").format(table=sql.Identifier(table))
    return [str(text) for (text,) in connection.execute(query)]
