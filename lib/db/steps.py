"""Saving and reading a single step. Steps with a table of their own have a module each."""

from sqlalchemy import TextClause, text

from lib.db.database import Database, Row
from lib.db.writing import json_or_null, jsonb_or_null, step_statement, written

_SKIP_OR_MARK = step_statement()

_READ = text(
    """
    SELECT status, completed_at, data::text AS data, validation_errors::text AS validation_errors
    FROM onboarding_steps WHERE user_id = :user_id AND step_number = :step_number
    """
)


def save(
    database: Database,
    user_id: str,
    step_number: int,
    data: object,
    validation_errors: list[object],
    statement: TextClause = _SKIP_OR_MARK,
    **columns: object,
) -> Row:
    """Mark a step completed and keep its payload; `statement` and `columns` fill the step's own table besides.

    Without `data`, what was stored before stays.

    Gives current_step (1–6) and progress (percent), or both null where the statement's condition did not hold.
    """
    return written(
        database,
        user_id,
        statement,
        step_number=step_number,
        status="completed",
        data=json_or_null(data),
        validation_errors=jsonb_or_null("validation_errors", validation_errors),
        **columns,
    )


def skip(database: Database, user_id: str, step_number: int) -> Row:
    """Mark a step skipped; what it stored stays. Gives current_step and progress."""
    return written(
        database, user_id, _SKIP_OR_MARK, step_number=step_number, status="skipped", data=None, validation_errors=None
    )


def read(database: Database, user_id: str, step_number: int) -> Row | None:
    """A step's status, completed_at, and data and validation_errors as JSON text; None if it was never touched."""
    rows = database.read(user_id, _READ, step_number=step_number)
    return rows[0] if rows else None
