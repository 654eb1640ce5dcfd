"""Everything that is stored of a user, in one statement; keys come as ciphertext beside their rows."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Table, func, select

from lib.db.api_keys import PROVIDERS_AND_KEYS, StoredKeys
from lib.db.database import Database
from lib.db.statements import USER, Query
from lib.db.tables import (
    api_keys,
    onboarding_sessions,
    onboarding_steps,
    persona_data,
    platform_integrations,
    research_preferences,
    website_analyses,
)

type JsonRow = dict[str, Any]
"""A row as JSON: times are ISO 8601 text."""


class ExportRow(StoredKeys):
    """The rows of each table: an object or null, a list or null where a user may have several rows."""

    session: JsonRow | None
    steps: list[JsonRow] | None
    api_keys: list[JsonRow] | None
    website_analyses: list[JsonRow] | None
    research_preferences: JsonRow | None
    persona: JsonRow | None
    integrations: JsonRow | None


def _row_of(table: Table) -> Any:
    rows = select(table).where(table.c.user_id == USER).subquery(f"one_of_{table.name}")
    return select(func.to_json(rows.table_valued())).select_from(rows).scalar_subquery()


def _rows_of(table: Table, order: str, *, without: Collection[str] = ()) -> Any:
    columns = [column for column in table.c if column.name not in without]
    rows = select(*columns).where(table.c.user_id == USER).order_by(table.c[order]).subquery(f"all_of_{table.name}")
    return select(func.json_agg(rows.table_valued())).select_from(rows).scalar_subquery()


_READ = Query(
    select(
        *PROVIDERS_AND_KEYS,
        _row_of(onboarding_sessions).label("session"),
        _rows_of(onboarding_steps, "step_key").label("steps"),
        _rows_of(api_keys, "provider", without=["user_id", "session_id", "encrypted_key"]).label("api_keys"),
        _rows_of(website_analyses, "id").label("website_analyses"),
        _row_of(research_preferences).label("research_preferences"),
        _row_of(persona_data).label("persona"),
        _row_of(platform_integrations).label("integrations"),
    ),
    ExportRow,
)


def read(database: Database, user_id: str) -> ExportRow:
    """Every row of the user; `encrypted_keys` are in the order of `api_keys`."""
    return database.read(user_id, _READ())[0]
