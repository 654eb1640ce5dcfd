"""Step 3's table: one row a user, typed columns beside the payload that the step keeps."""

from collections.abc import Mapping

from sqlalchemy import text

from lib.db import steps
from lib.db.database import Database, Row
from lib.db.writing import jsonb_or_null, step_statement

_STYLE_COLUMNS = ("writing_style", "content_characteristics", "target_audience", "recommended_settings")
_COLUMNS = ("research_depth", "content_types", "auto_research", "factual_content", *_STYLE_COLUMNS)
_NAMES = ", ".join(_COLUMNS)

_SAVE = step_statement(
    f"""
    preferences AS (
        INSERT INTO research_preferences AS p (user_id, session_id, {_NAMES})
        SELECT :user_id, session.id, :research_depth, CAST(:content_types AS jsonb), :auto_research, :factual_content,
               {", ".join(f"CAST(:{name} AS jsonb)" for name in _STYLE_COLUMNS)}
        FROM session
        ON CONFLICT (user_id) DO UPDATE
        SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}, updated_at = now()
    )"""
)

READ_COLUMNS = f"p.id, p.session_id, p.created_at, p.updated_at, {', '.join(f'p.{name}' for name in _COLUMNS)}"

_READ = text(
    f"""
    SELECT {READ_COLUMNS}, t.data FROM research_preferences p
    LEFT JOIN onboarding_steps t ON t.user_id = p.user_id AND t.step_number = 3
    WHERE p.user_id = :user_id
    """
)


def save(
    database: Database, user_id: str, data: object, validation_errors: list[object], columns: Mapping[str, object]
) -> Row:
    """Complete step 3. `columns` holds the typed columns by name."""
    values = dict(columns)
    for name in ("content_types", *_STYLE_COLUMNS):
        values[name] = jsonb_or_null(name, values.get(name))
    return steps.save(database, user_id, 3, data, validation_errors, statement=_SAVE, **values)


def read(database: Database, user_id: str) -> Row | None:
    """The typed columns, id, session_id, created_at, updated_at, and step 3's payload as `data`."""
    rows = database.read(user_id, _READ)
    return rows[0] if rows else None
