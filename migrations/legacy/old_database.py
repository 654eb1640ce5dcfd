# ruff: noqa: S608 - the names in these statements are constants of this package, or quoted
"""Reading the old software's database, SQLite or Postgres, without changing it and without holding it in memory."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Protocol

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from lib.db.operators import Connection, PostgresURL, UnusableURL, connect, one_line
from migrations.legacy.old_rows import NAMING_THEIR_USER, TABLES, Row
from migrations.legacy.records import BUSINESS, SESSION
from migrations.legacy.urls import SqliteURL

Open = Callable[[SqliteURL | PostgresURL], AbstractContextManager["OldDatabase"]]


class OldDatabase(Protocol):
    """One consistent view of an old database. A kind without a table has no rows."""

    name: str

    def count(self, kind: str) -> int:
        """Count the rows of a kind."""

    def references(self, kind: str) -> Iterator[tuple[object, object]]:
        """Yield (id, user_id) of the kinds that name their user, (id, session_id) of the other ones."""

    def rows(self, kind: str, ids: Sequence[object]) -> Sequence[Row]:
        """Fetch whole rows by their ids."""


@contextmanager
def open_old_database(url: SqliteURL | PostgresURL) -> Iterator[OldDatabase]:
    """Open a database for reading. Raises UnusableURL when it is none of the old software's."""
    if isinstance(url, PostgresURL):
        with connect(url, "import_legacy") as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield OldPostgres(connection, old_schema(connection))
        return
    try:
        with closing(sqlite3.connect(f"{url.path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")
            yield OldSqlite(database, url.path.name)
    except sqlite3.DatabaseError as error:
        raise UnusableURL(f"{url.path}: {one_line(error)}") from None


class OldSqlite:
    """A SQLite file of the old software."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self.name = name
        self._database = database
        found = {str(row["name"]) for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self._tables = {kind: table for kind, table in TABLES.items() if table in found}
        if SESSION not in self._tables:
            raise UnusableURL(f"{name} has no table onboarding_sessions")

    def count(self, kind: str) -> int:
        """Count the rows of a kind."""
        table = self._tables.get(kind)
        return self._database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] if table else 0

    def references(self, kind: str) -> Iterator[tuple[object, object]]:
        """Yield (id, user_id) of the kinds that name their user, (id, session_id) of the other ones."""
        if table := self._tables.get(kind):
            rows = self._database.execute(f"SELECT id, {_owner(kind)} AS owner FROM {table}")
            yield from ((row["id"], row["owner"]) for row in rows)

    def rows(self, kind: str, ids: Sequence[object]) -> Sequence[Row]:
        """Fetch whole rows by their ids."""
        marks = ", ".join("?" * len(ids))
        found = self._database.execute(f"SELECT * FROM {self._tables[kind]} WHERE id IN ({marks})", ids)
        return [dict(row) for row in found]


class OldPostgres:
    """The old software's tables in one schema of a Postgres database, read as text, as SQLite gives them."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self.name = f"schema {schema}"
        self._connection = connection
        connection.execute("SELECT set_config('datestyle', 'ISO', true), set_config('timezone', 'UTC', true)")
        self._columns: dict[str, list[str]] = {}
        self._tables: dict[str, Identifier] = {}
        for kind, table in TABLES.items():
            where = schema_of(kind, schema)
            if columns := _columns(connection, where, table):
                self._columns[kind] = columns
                self._tables[kind] = Identifier(where, table)

    def count(self, kind: str) -> int:
        """Count the rows of a kind."""
        if kind not in self._tables:
            return 0
        row = self._connection.execute(SQL("SELECT count(*) FROM {}").format(self._tables[kind])).fetchone()
        return int(row[0]) if row else 0

    def references(self, kind: str) -> Iterator[tuple[object, object]]:
        """Yield (id, user_id) of the kinds that name their user, (id, session_id) of the other ones."""
        if kind in self._tables:
            query = SQL("SELECT id, {} FROM {}").format(Identifier(_owner(kind)), self._tables[kind])
            with self._connection.cursor(name=f"references_{kind}") as cursor:
                cursor.itersize = 5000
                yield from cursor.execute(query)

    def rows(self, kind: str, ids: Sequence[object]) -> Sequence[Row]:
        """Fetch whole rows by their ids."""
        columns = SQL(", ").join(
            SQL("{0}" if name in {"id", "encrypted_key"} else "{0}::text AS {0}").format(Identifier(name))
            for name in self._columns[kind]
        )
        query = SQL("SELECT {} FROM {} WHERE id = ANY(%s)").format(columns, self._tables[kind])
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, [list(ids)]).fetchall()


def old_schema(connection: Connection) -> str:
    """Find the schema of the old tables: `legacy` once the migrations have moved them there, else `public`.

    Raises UnusableURL when there are none.
    """
    for schema in ("legacy", "public"):
        tables = [_columns(connection, schema, table) for kind, table in TABLES.items() if kind != BUSINESS]
        if any(columns and is_old(columns) for columns in tables):
            return schema
    raise UnusableURL("this database has no tables of the old software")


def schema_of(kind: str, schema: str) -> str:
    """Where the table of a kind is, when the old tables are in `schema`. No new table has the name of this one."""
    return "public" if kind == BUSINESS else schema


def is_old(columns: Sequence[str]) -> bool:
    """Whether a table of one of the old names has the old shape: the new ones all have both columns, or the last."""
    return not ({"user_id", "session_id"} <= set(columns) or "completed_at" in columns)


def _owner(kind: str) -> str:
    return "user_id" if kind in NAMING_THEIR_USER else "session_id"


def _columns(connection: Connection, schema: str, table: str) -> list[str]:
    rows: list[Any] = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))"
        " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (schema, table),
    ).fetchall()
    return [name for (name,) in rows]
