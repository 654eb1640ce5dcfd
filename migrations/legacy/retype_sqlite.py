# ruff: noqa: S608 - the names in these statements are the database's own, and quoted
"""Turns `onboarding_sessions.user_id` of a SQLite database into VARCHAR(255), in one transaction.

SQLite has no ALTER COLUMN, so the table is made anew, as https://sqlite.org/lang_altertable.html#otheralter says.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from migrations.legacy.sqlite_ddl import quoted, retyped

TABLE = "onboarding_sessions"
_NEW = "onboarding_sessions_with_string_ids"
Phase = Callable[[str], None]


class RetypeError(RuntimeError):
    """The database cannot be changed, or the check found a difference; nothing was changed. One line."""


def backup_path(path: Path) -> Path:
    """Say where the copy of the database from before the change is put."""
    return path.with_name(path.name + ".before-string-ids")


def retype_sqlite(path: Path, phase: Phase) -> int | None:
    """Change the database at `path`; give back the number of sessions, or None when there is nothing to do.

    `phase` is told what begins. Raises RetypeError, or sqlite3.Error when SQLite refuses; the file is then as before.
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)) as database:
        # Both pragmas are of this connection alone and do nothing within a transaction: with them, dropping and
        # renaming a table leaves what other tables, views and triggers say about it untouched.
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA legacy_alter_table = ON")
        database.execute("BEGIN IMMEDIATE")
        if _is_text(database):
            return None
        phase("backing up")
        _back_up(path)
        count = _make_anew(database, phase)
        phase("committing")
        database.execute("COMMIT")
        return count


def _is_text(database: sqlite3.Connection) -> bool:
    types = {name: kind.upper() for _, name, kind, *_ in database.execute(f"PRAGMA table_info({TABLE})")}
    if "user_id" not in types:
        raise RetypeError(f"there is no table {TABLE} with a user_id in this database")
    # SQLite's own rule for text affinity: https://sqlite.org/datatype3.html#determination_of_column_affinity
    return any(word in types["user_id"] for word in ("CHAR", "CLOB", "TEXT")) and "INT" not in types["user_id"]


def _back_up(path: Path) -> None:
    """Copy the committed state; under its final name the copy is complete or not there at all.

    The caller holds the write lock, so nothing is written between the copy and the change.
    """
    partial = backup_path(path).with_name(backup_path(path).name + ".partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_WRONLY, path.stat().st_mode & 0o777))
    with (
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(partial)) as copy,
    ):
        source.backup(copy)
        if copy.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise RetypeError("the backup copy is damaged")
    os.replace(partial, backup_path(path))


def _make_anew(database: sqlite3.Connection, phase: Phase) -> int:
    """Make the new table, copy, check, swap; the caller commits."""
    broken_before = _broken_references(database)
    definition, dependents = _definition(database), _dependents(database)
    sequence = _sequence(database)
    phase("copying")
    columns = _columns(database)
    database.execute(retyped(definition, "user_id", "VARCHAR(255)", _NEW))
    database.execute(f"INSERT INTO {_NEW} ({_listed(columns)}) SELECT {_as_text(columns)} FROM {TABLE} ORDER BY rowid")
    phase("checking")
    count = _checked(database, columns)
    phase("swapping")
    database.execute(f"DROP TABLE {TABLE}")
    database.execute(f"ALTER TABLE {_NEW} RENAME TO {TABLE}")
    for statement in dependents:
        database.execute(statement)
    _restore_sequence(database, sequence)
    if _broken_references(database) != broken_before:
        raise RetypeError("rows that belong to a session would lose it")
    return count


def _definition(database: sqlite3.Connection) -> str:
    (sql,) = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (TABLE,)).fetchone()
    return str(sql)


def _dependents(database: sqlite3.Connection) -> list[str]:
    """Read what a dropped table takes along: its indexes and triggers. Keys that the table itself makes have no SQL."""
    rows = database.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL "
        "ORDER BY type, rowid",
        (TABLE,),
    )
    return [sql for (sql,) in rows]


def _columns(database: sqlite3.Connection) -> list[str]:
    return [name for _, name, *_ in database.execute(f"PRAGMA table_info({TABLE})")]


def _listed(columns: list[str]) -> str:
    return ", ".join(map(quoted, columns))


def _as_text(columns: list[str]) -> str:
    return ", ".join("CAST(user_id AS TEXT)" if name == "user_id" else quoted(name) for name in columns)


def _checked(database: sqlite3.Connection, columns: list[str]) -> int:
    """Count the rows, once old and new are found to hold the same. Raises RetypeError."""
    old = f"SELECT {_as_text(columns)} FROM {TABLE}"
    new = f"SELECT {_listed(columns)} FROM {_NEW}"
    (before,), (after,) = (database.execute(f"SELECT count(*) FROM ({rows})").fetchone() for rows in (old, new))
    if before != after:
        raise RetypeError(f"{before} sessions were there and {after} were copied")
    if database.execute(f"{old} EXCEPT {new}").fetchone() or database.execute(f"{new} EXCEPT {old}").fetchone():
        raise RetypeError("a copied session differs from the original")
    return int(after)


def _broken_references(database: sqlite3.Connection) -> set[tuple[object, ...]]:
    """List rows whose foreign key names nothing; the old software left some (a hash in place of a session's id)."""
    return {row[:3] for row in database.execute("PRAGMA foreign_key_check")}


def _sequence(database: sqlite3.Connection) -> int | None:
    """Read where AUTOINCREMENT stands, if the table has it: an id once given out must not come again."""
    if "AUTOINCREMENT" not in _definition(database).upper():
        return None
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (TABLE,)).fetchone()
    return None if row is None else int(row[0])


def _restore_sequence(database: sqlite3.Connection, sequence: int | None) -> None:
    if sequence is None:
        return
    database.execute("DELETE FROM sqlite_sequence WHERE name = ?", (TABLE,))
    database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (TABLE, sequence))
