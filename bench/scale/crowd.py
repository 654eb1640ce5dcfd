"""Loads millions of users: each table on a connection of its own, its indexes built when its rows are there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from psycopg import sql

from bench.progress import say
from dev.harness.population import ROWS, Rows, one_row_a_user, without_rows
from lib.db.tables import metadata

AT_ONCE = 3
BATCH_USERS = 100_000
SAID_EVERY = 1_000_000
BYTES_PER_USER = 2_000
"""What a user of the population takes on the disk, indexes included."""

type Superuser = psycopg.Connection[Any]

_SETTINGS = (
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL max_parallel_maintenance_workers = 1",
)
# What no foreign key of another table leans on can go, and come back.
_KEYS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint AS own
WHERE conrelid = %s::regclass AND contype IN ('p', 'u')
AND NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conindid = own.conindid)
"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
_REFERENCED = "SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = %s::regclass"


def load(url: str, users: int) -> None:
    """Fill the migrated, empty database of a superuser's URL, and let the planner know."""
    by_table: dict[str, list[Rows]] = defaultdict(list)
    for rows in ROWS:
        by_table[rows.table].append(rows)
    largest_first = sorted(by_table.values(), key=len, reverse=True)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda rows: _fill(url, rows, users), largest_first))
        with psycopg.connect(url, autocommit=True) as connection:
            for table in without_rows():
                connection.execute(one_row_a_user(table))
        say(f"{users:,} users: vacuum and statistics")
        list(threads.map(lambda table: _vacuum(url, table), metadata.tables))


def _fill(url: str, every: Sequence[Rows], users: int) -> None:
    table = every[0].table
    with psycopg.connect(url) as connection:
        for setting in _SETTINGS:
            connection.execute(setting)
        if connection.execute(_REFERENCED, [table]).fetchone() is None:
            # Where wal_level is minimal, a table that was emptied in the same transaction is written once, not twice.
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))
        later = _without_indexes(connection, table)
        for first in range(1, users + 1, BATCH_USERS):
            if (first - 1) % SAID_EVERY == 0:
                say(f"{users:,} users: {table} from {first:,}")
            for rows in every:
                connection.execute(rows.sql(first, min(first + BATCH_USERS - 1, users), users))
        say(f"{users:,} users: indexes of {table}")
        for statement in later:
            connection.execute(statement)


def _without_indexes(connection: Superuser, table: str) -> list[sql.Composed | bytes]:
    """Drop the table's indexes. Gives the statements that build them again."""
    later: list[sql.Composed | bytes] = []
    alter = sql.SQL("ALTER TABLE {} ").format(sql.Identifier(table))
    for name, definition in connection.execute(_KEYS, [table]).fetchall():
        connection.execute(alter + sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(name)))
        later.append(alter + sql.SQL("ADD CONSTRAINT {} ").format(sql.Identifier(name)) + sql.SQL(definition))
    for name, definition in connection.execute(_INDEXES, [table]).fetchall():
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
        later.append(definition.encode())
    return later


def _vacuum(url: str, table: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
