"""Everything that is stored of a user, in one statement; keys come as ciphertext next to their rows."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import DateTime, LargeBinary, Table, UniqueConstraint, func, literal_column, select

from lib.db.api_keys import PROVIDERS_AND_KEYS, StoredKeys
from lib.db.database import Database
from lib.db.statements import USER, Query
from lib.db.tables import (
    api_keys,
    metadata,
    onboarding_sessions,
    onboarding_steps,
    persona_data,
    platform_integrations,
)
from lib.steps.progress import Progress, StepState

type JsonRow = dict[str, Any]
"""A row as JSON: times are ISO 8601 text."""

_USER_TABLES = [table for table in metadata.sorted_tables if "user_id" in table.c]
_RENAMED = {
    onboarding_sessions.name: "session",
    onboarding_steps.name: "steps",
    persona_data.name: "persona",
    platform_integrations.name: "integrations",
}
NAMES = {table.name: _RENAMED.get(table.name, table.name) for table in _USER_TABLES}
"""What the export calls the rows of each table. A table that is not renamed keeps its name."""

LEFT_OUT = {api_keys.name: {"user_id", "session_id"}}
"""Columns that the export does not show, besides ciphertext."""

TIMES = {column.name for table in _USER_TABLES for column in table.c if isinstance(column.type, DateTime)}
"""The names of the columns that hold times."""


class ExportRow(StoredKeys):
    """All rows of a user by their name in the export: an object or null, a list where a user may have several rows."""

    rows: dict[str, Any]


def progress_of(rows: Mapping[str, Any]) -> Progress:
    """Where the user stands, by the exported rows."""
    session = rows["session"] or {}
    return Progress(
        furthest_step=session.get("furthest_step"),
        completed_at=session.get("completed_at"),
        steps={step["step_key"]: StepState(status=step["status"]) for step in rows["steps"]},
    )


def _exported(table: Table) -> Any:
    left_out = LEFT_OUT.get(table.name, set())
    columns = [column for column in table.c if column.name not in left_out and not isinstance(column.type, LargeBinary)]
    rows = select(*columns).where(table.c.user_id == USER)
    if _has_one_row(table):
        one = rows.subquery(f"one_of_{table.name}")
        return select(func.to_json(one.table_valued())).select_from(one).scalar_subquery()
    every = rows.order_by(*table.primary_key.columns).subquery(f"all_of_{table.name}")
    listed = select(func.json_agg(every.table_valued())).select_from(every).scalar_subquery()
    return func.coalesce(listed, literal_column("'[]'::json"))


def _has_one_row(table: Table) -> bool:
    """Whether a user has one row of that table at most."""
    unique = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    return any([column.name for column in key.columns] == ["user_id"] for key in (table.primary_key, *unique))


def _name(table: Table) -> Any:
    return literal_column(f"'{NAMES[table.name]}'")


_ROWS = [part for table in _USER_TABLES for part in (_name(table), _exported(table))]
_READ = Query(select(*PROVIDERS_AND_KEYS, func.json_build_object(*_ROWS).label("rows")), ExportRow)


def read(database: Database, user_id: str) -> ExportRow:
    """Every row of the user; `encrypted_keys` are in the order of `rows["api_keys"]`."""
    return database.read(user_id, _READ())[0]
