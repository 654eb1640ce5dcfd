"""Step 2's table: one analysis per website, the newest is the current one."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text

from lib.db import steps
from lib.db.database import Database, Row
from lib.db.writing import jsonb_or_null, step_statement

JSON_COLUMNS = (
    "writing_style",
    "content_characteristics",
    "target_audience",
    "content_type",
    "recommended_settings",
    "brand_analysis",
    "content_strategy_insights",
    "crawl_result",
    "style_patterns",
    "style_guidelines",
    "business_data",
    "additional_fields",
)

_COLUMNS = ", ".join(JSON_COLUMNS)

_SAVE = step_statement(
    f"""
    analysis AS (
        INSERT INTO website_analyses AS w (user_id, session_id, website_url, {_COLUMNS})
        SELECT :user_id, session.id, :website_url, {", ".join(f"CAST(:{name} AS jsonb)" for name in JSON_COLUMNS)}
        FROM session
        ON CONFLICT (user_id, md5(website_url)) DO UPDATE
        SET {", ".join(f"{name} = excluded.{name}" for name in JSON_COLUMNS)},
            status = excluded.status, error_message = NULL, warning_message = NULL,
            analysis_date = now(), updated_at = now()
    )"""
)

_NEWEST_FIRST = "ORDER BY analysis_date DESC, id DESC"
_META = "id, website_url, analysis_date, status, error_message, warning_message, created_at, updated_at"

_CURRENT = text(f"SELECT {_META}, {_COLUMNS} FROM website_analyses WHERE user_id = :user_id {_NEWEST_FIRST} LIMIT 1")
_BY_ID = text(f"SELECT {_META}, {_COLUMNS} FROM website_analyses WHERE user_id = :user_id AND id = :id")
_ALL = text(f"SELECT {_META}, {_COLUMNS} FROM website_analyses WHERE user_id = :user_id {_NEWEST_FIRST}")
_BY_URL = text(
    """
    SELECT id, analysis_date, writing_style, target_audience, content_type FROM website_analyses
    WHERE user_id = :user_id AND md5(website_url) = md5(:website_url)
    """
)


def save(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    website_url: str,
    columns: Mapping[str, object],
) -> Row:
    """Complete step 2. `columns` holds a value for each of `JSON_COLUMNS` that the payload has."""
    values = {name: jsonb_or_null(name, columns.get(name)) for name in JSON_COLUMNS}
    return steps.save(database, user_id, 2, data, validation_errors, statement=_SAVE, website_url=website_url, **values)


def current(database: Database, user_id: str) -> Row | None:
    """The newest analysis, all columns."""
    rows = database.read(user_id, _CURRENT)
    return rows[0] if rows else None


def by_id(database: Database, user_id: str, analysis_id: int) -> Row | None:
    """One analysis of this user, all columns."""
    rows = database.read(user_id, _BY_ID, id=analysis_id)
    return rows[0] if rows else None


def by_url(database: Database, user_id: str, website_url: str) -> Row | None:
    """The analysis of exactly this URL: id, analysis_date, writing_style, target_audience, content_type."""
    rows = database.read(user_id, _BY_URL, website_url=website_url)
    return rows[0] if rows else None


def all_of(database: Database, user_id: str) -> Sequence[Row]:
    """Every analysis of this user, newest first."""
    return database.read(user_id, _ALL)
