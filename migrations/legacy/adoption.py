"""Adopts old tables that the migrations have moved into the schema `legacy` of the same database.

What the new tables hold whole is deleted from `legacy`; rows without an owner and overtaken ones stay there, with
their API keys encrypted, for `import_legacy.py --database … --assign …`. All of it is one transaction.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import cache

from psycopg.sql import SQL, Identifier, Literal

from lib.config import Settings
from lib.db.encryption import KeyRing
from lib.db.operators import Connection
from lib.errors import Unavailable
from migrations.legacy.importing import Importer
from migrations.legacy.index import Index
from migrations.legacy.old_database import OldPostgres
from migrations.legacy.old_rows import TABLES, binding_of_row, opened_row
from migrations.legacy.records import API_KEY, BUSINESS, SESSION, Record
from migrations.legacy.report import Report
from migrations.legacy.sources import Sources
from migrations.legacy.target import Target

SCHEMA = "legacy"
_ADOPTED = "Rows of the old system that were not adopted."
_IS_TO_BE_ADOPTED = """
    SELECT obj_description(oid, 'pg_namespace') IS DISTINCT FROM %s FROM pg_namespace
    WHERE nspname = 'legacy' AND to_regclass('legacy.onboarding_sessions') IS NOT NULL
"""
_KEYS = Identifier(SCHEMA, TABLES[API_KEY])
_NEW_KEYS = Identifier(SCHEMA, "api_keys_encrypted")

# Any number that no other software on this database uses for an advisory lock.
_LOCK_NUMBER = 7_205_759_403_792_794


def refuse_without_keys(connection: Connection) -> None:
    """Raise Unavailable where old API keys are waiting to be encrypted and no encryption key is configured."""
    for schema in ("public", SCHEMA):
        plain = "SELECT FROM information_schema.columns WHERE (table_schema, table_name, column_name) = (%s, %s, 'key')"
        table = TABLES[API_KEY]
        if connection.execute(plain, [schema, table]).rowcount and _has_rows(connection, Identifier(schema, table)):
            _key_ring()


def adopt_if_any(connection: Connection) -> None:
    """Copy old rows into the new tables and clear `legacy` of them, once in a database's life. Two calls at once wait.

    What stays in `legacy` is never adopted again: its owner may have erased everything since. Raises `Unavailable`,
    and SystemExit with one line where rows are not accounted for.
    """
    connection.execute("SELECT set_config('lock_timeout', '120s', true)")
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_NUMBER])
    if connection.execute(_IS_TO_BE_ADOPTED, [_ADOPTED]).fetchone() == (True,):
        _adopt_all(connection)
        connection.execute(SQL("COMMENT ON SCHEMA legacy IS {}").format(Literal(_ADOPTED)))
        _drop_what_is_empty(connection)


def _adopt_all(connection: Connection) -> None:
    keys = cache(_key_ring)
    old = OldPostgres(connection, SCHEMA)
    carried: dict[str, list[object]] = {}

    def settled(records: Sequence[Record]) -> None:
        for record in records:
            if record.row:
                carried.setdefault(record.row[0], []).append(record.row[1])

    with Report() as report, closing(Index()) as index:
        sources = Sources(None, old, lambda row: opened_row(row, keys))
        importer = Importer(sources, Target(connection, keys), index, report, nullcontext, settled=settled)
        importer.prepare((), ())
        importer.run(lambda _: None)
        if not report.is_balanced():
            raise SystemExit("Cannot migrate: some of the old rows are not accounted for: " + "; ".join(report.lines()))
        print(f"Adopted {report.users} users of the old tables.", flush=True)
    _clear(connection, carried)
    _encrypt_keys(connection, keys)


def _clear(connection: Connection, carried: dict[str, list[object]]) -> None:
    """Delete the rows that are carried over; a session stays while anything still hangs on it."""
    carried.pop(TABLES[BUSINESS], None)  # not in this schema
    sessions = carried.pop(TABLES[SESSION], [])
    for table, ids in carried.items():
        connection.execute(SQL("DELETE FROM {} WHERE id = ANY(%s)").format(Identifier(SCHEMA, table)), [ids])
    hanging = SQL("").join(
        SQL(" AND NOT EXISTS (SELECT FROM {} child WHERE child.{} = parent.id)").format(
            Identifier(*path), Identifier(column)
        )
        for *path, column in _children(connection)
    )
    if sessions:
        parent = Identifier(SCHEMA, TABLES[SESSION])
        connection.execute(SQL("DELETE FROM {} parent WHERE id = ANY(%s){}").format(parent, hanging), [sessions])


def _children(connection: Connection) -> list[tuple[str, str, str]]:
    """List schema, table and column of every foreign key to the old sessions, those of other software included."""
    return connection.execute(
        """
        SELECT relnamespace::regnamespace::text, relname, attname FROM pg_constraint
        JOIN pg_class ON pg_class.oid = conrelid
        JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
        WHERE contype = 'f' AND confrelid = to_regclass('legacy.onboarding_sessions')
        """
    ).fetchall()


def _encrypt_keys(connection: Connection, keys: Callable[[], KeyRing]) -> None:
    """Make the table of the remaining keys anew, encrypted: no dump and no page on disk shall hold a plain one."""
    row = connection.execute(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('legacy.api_keys') AND attname = 'key'"
    ).fetchone()
    if not row or not row[0]:
        return
    columns = SQL("id, session_id, provider, NULL::bytea AS encrypted_key, created_at, updated_at")
    connection.execute(SQL("CREATE TABLE {} AS SELECT {} FROM {}").format(_NEW_KEYS, columns, _KEYS))
    connection.execute(SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(_NEW_KEYS))
    rows = connection.execute(SQL("SELECT id, provider, key FROM {}").format(_KEYS)).fetchall()
    with connection.cursor() as cursor:
        cursor.executemany(
            SQL("UPDATE {} SET encrypted_key = %s WHERE id = %s").format(_NEW_KEYS),
            [(keys().encrypt(binding_of_row(number), provider, key), number) for number, provider, key in rows],
        )
    connection.execute(SQL("DROP TABLE {}").format(_KEYS))
    connection.execute(SQL("ALTER TABLE {} RENAME TO {}").format(_NEW_KEYS, Identifier(TABLES[API_KEY])))


def _drop_what_is_empty(connection: Connection) -> None:
    """Drop the old tables that nothing is left in, and the schema once nothing is."""
    for table in (
        *(table for kind, table in TABLES.items() if kind not in {SESSION, BUSINESS}),
        "competitor_analyses",
        TABLES[SESSION],
    ):
        path = Identifier(SCHEMA, table)
        exists = connection.execute("SELECT to_regclass(%s)", [path.as_string()]).fetchone() != (None,)
        if not exists or (table == TABLES[SESSION] and _children(connection)):
            continue
        if not _has_rows(connection, path):
            connection.execute(SQL("DROP TABLE {}").format(path))
    is_empty = "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'legacy'::regnamespace)"
    if connection.execute(is_empty).fetchone() == (True,):
        connection.execute("DROP SCHEMA legacy")


def _has_rows(connection: Connection, table: Identifier) -> bool:
    return connection.execute(SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone() is not None


def _key_ring() -> KeyRing:
    try:
        return KeyRing(Settings(os.environ).api_key_encryption_keys)
    except Unavailable as error:
        raise Unavailable(error.detail, f"{error.reason}, and the old API keys have to be encrypted") from None
