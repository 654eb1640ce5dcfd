"""Tells what a change of the schema would break for code that was written before it.

At a deployment the previous release keeps serving on the new schema, so a revision may add and must not take away: no
table, column, default or right; no new rule for rows that old code writes, and no index that its writes wait for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

type Connection = psycopg.Connection[tuple[Any, ...]]

COLUMNS: LiteralString = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""
RULES: LiteralString = """
SELECT conrelid::regclass::text, 'constraint ' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'
UNION ALL
SELECT indrelid::regclass::text, 'index ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'public'::regnamespace AND indisunique
UNION ALL
SELECT tablename, 'policy ' || policyname, concat_ws(' ', permissive, roles, cmd, qual, with_check)
FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT tgrelid::regclass::text, 'trigger ' || tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'public'::regnamespace AND NOT tgisinternal
"""
# Making an index valid is the last of the transactions of CONCURRENTLY; without, there is one for everything.
LOCKING_INDEXES: LiteralString = """
SELECT indrelid::regclass::text, c.relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.xmin = pg_index.xmin
"""
RIGHTS: LiteralString = """
SELECT table_name, grantee || ' ' || privilege_type
FROM information_schema.role_table_grants WHERE table_schema = 'public'
"""


@dataclass(frozen=True)
class Column:
    """What code that inserts or reads may rely on."""

    type: str
    is_required: bool
    has_default: bool


@dataclass(frozen=True)
class Schema:
    """What is in the schema `public`. Rules are constraints, unique indexes, policies and triggers.

    `locking_indexes` are those that were not built concurrently: nobody could write to their table meanwhile.
    """

    columns: Mapping[tuple[str, str], Column]
    rules: Mapping[tuple[str, str], str]
    rights: frozenset[tuple[str, str]]
    locking_indexes: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, connection: Connection) -> Schema:
        """Read it from the catalogue."""
        columns = {(table, name): Column(*rest) for table, name, *rest in connection.execute(COLUMNS)}
        rules = {(table, name): definition for table, name, definition in connection.execute(RULES)}
        rights = frozenset((table, right) for table, right in connection.execute(RIGHTS))
        locking = frozenset((table, index) for table, index in connection.execute(LOCKING_INDEXES))
        return cls(columns, rules, rights, locking)

    @property
    def tables(self) -> set[str]:
        """The tables' names."""
        return {table for table, _ in self.columns}


def broken_by(before: Schema, after: Schema) -> list[str]:
    """Name everything in `after` that code written for `before` may stumble over."""
    return sorted({*_columns(before, after), *_rules(before, after), *_rights(before, after), *_locks(before, after)})


def _columns(before: Schema, after: Schema) -> Iterator[str]:
    for (table, name), old in before.columns.items():
        new = after.columns.get((table, name))
        if new is None:
            yield f"{table}.{name} is gone"
        elif new.type != old.type:
            yield f"{table}.{name} was {old.type} and is {new.type}"
        elif new.is_required and not old.is_required:
            yield f"{table}.{name} may no longer be null"
        elif old.has_default and not new.has_default:
            yield f"{table}.{name} has no default any more"
    for (table, name), new in after.columns.items():
        is_new = table in before.tables and (table, name) not in before.columns
        if is_new and new.is_required and not new.has_default:
            yield f"{table}.{name} is new, required and without a default"


def _rules(before: Schema, after: Schema) -> Iterator[str]:
    for (table, name), definition in after.rules.items():
        if table in before.tables and before.rules.get((table, name)) != definition:
            yield f"{table} has a new {name}"
    for table, name in before.rules.keys() - after.rules.keys():
        if name.startswith(("policy", "index", "constraint")):
            yield f"{table} has lost its {name}"


def _rights(before: Schema, after: Schema) -> Iterator[str]:
    for table, right in before.rights - after.rights:
        yield f"{table}: {right} was taken away"


def _locks(before: Schema, after: Schema) -> Iterator[str]:
    for table, index in after.locking_indexes - before.locking_indexes:
        if table in before.tables:
            yield f"{table} has an index {index} that was not built concurrently"
