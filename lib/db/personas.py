"""Step 4's table: one persona a user, saved by the step or as a draft."""

from collections.abc import Mapping

from sqlalchemy import text

from lib.db import steps
from lib.db.database import Database, Row
from lib.db.writing import ACCOUNT, ENSURE_SESSION, jsonb_or_null, step_statement, written

COLUMNS = ("core_persona", "platform_personas", "quality_metrics", "selected_platforms")
_ALL_COLUMNS = (*COLUMNS, "additional_fields")


def _upsert(update: str) -> str:
    return f"""
    persona AS (
        INSERT INTO persona_data AS p (user_id, session_id, {", ".join(_ALL_COLUMNS)})
        SELECT :user_id, session.id, {", ".join(f"CAST(:{name} AS jsonb)" for name in _ALL_COLUMNS)} FROM session
        ON CONFLICT (user_id) DO UPDATE
        SET {", ".join(update.format(name=name) for name in _ALL_COLUMNS)}, updated_at = now()
    )"""


_SAVE = step_statement(_upsert("{name} = excluded.{name}"))

# A field that a draft leaves out stays as it was.
_SAVE_DRAFT = text(
    f"""
    WITH {ACCOUNT},
    {ENSURE_SESSION},
    {_upsert("{name} = COALESCE(excluded.{name}, p.{name})")}
    SELECT account.exists FROM account
    """
)

_READ = text(f"SELECT {', '.join(_ALL_COLUMNS)}, updated_at FROM persona_data WHERE user_id = :user_id")


def save(
    database: Database, user_id: str, data: object, validation_errors: list[object], columns: Mapping[str, object]
) -> Row:
    """Complete step 4. `columns` holds the persona's columns by name."""
    return steps.save(database, user_id, 4, data, validation_errors, statement=_SAVE, **_encoded(columns))


def save_draft(database: Database, user_id: str, columns: Mapping[str, object]) -> None:
    """Keep a persona without finishing step 4."""
    written(database, user_id, _SAVE_DRAFT, **_encoded(columns))


def read(database: Database, user_id: str) -> Row | None:
    """The persona's columns and updated_at."""
    rows = database.read(user_id, _READ)
    return rows[0] if rows else None


def _encoded(columns: Mapping[str, object]) -> dict[str, str | None]:
    return {name: jsonb_or_null(name, columns.get(name)) for name in _ALL_COLUMNS}
