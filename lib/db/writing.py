"""What every write has in common: the account must not have been erased, and the session must be there.

These are the first common table expressions of each writing statement. A write holds its user's lock before it
starts (`lib.db.engine`), so what it reads of the user's other rows is the latest.
"""

import re

from sqlalchemy import TextClause, text

from lib.db.database import Database, Row
from lib.errors import FieldError, InvalidData, Unauthenticated
from lib.json_text import dumps

MAX_DIGITS_WRITTEN_OUT = 4 * 1024 * 1024
_EXPONENT = re.compile(r"(?<=\de)[+-]?(\d{1,4})")

ACCOUNT = """
    account AS (
        SELECT NOT EXISTS (
            SELECT FROM erased_users WHERE user_hash = encode(sha256(convert_to(:user_id, 'UTF8')), 'hex')
        ) AS exists
    )"""

ENSURE_SESSION = """
    session AS (
        INSERT INTO onboarding_sessions AS s (user_id)
        SELECT :user_id FROM account WHERE account.exists
        ON CONFLICT (user_id) DO UPDATE SET updated_at = now()
        RETURNING s.id, s.current_step, s.progress, s.started_at, s.completed_at
    )"""

# `status` is what the step becomes; data and errors that are null leave what is stored.
_SAVE_STEP = """
    finished AS (
        SELECT count(*)::double precision / 6 * 100 AS progress FROM (
            SELECT step_number FROM onboarding_steps WHERE user_id = :user_id AND status IN ('completed', 'skipped')
            UNION SELECT :step_number
        ) AS steps
    ),
    session AS (
        INSERT INTO onboarding_sessions AS s (user_id, current_step, progress)
        SELECT :user_id, LEAST(6, :step_number + 1), finished.progress FROM account, finished WHERE {condition}
        ON CONFLICT (user_id) DO UPDATE
        SET current_step = GREATEST(s.current_step, excluded.current_step),
            progress = CASE WHEN s.completed_at IS NULL THEN excluded.progress ELSE 100 END,
            updated_at = now()
        RETURNING s.id, s.current_step, s.progress
    ),
    step AS (
        INSERT INTO onboarding_steps AS t
            (user_id, session_id, step_number, status, data, validation_errors, completed_at)
        SELECT :user_id, session.id, :step_number, :status, CAST(:data AS json),
               COALESCE(CAST(:validation_errors AS jsonb), '[]'), now()
        FROM session
        ON CONFLICT (user_id, step_number) DO UPDATE
        SET status = excluded.status,
            data = COALESCE(excluded.data, t.data),
            validation_errors = excluded.validation_errors,
            completed_at = excluded.completed_at,
            updated_at = now()
    )"""


def json_or_null(value: object) -> str | None:
    """JSON text for a JSON column, SQL's NULL for None."""
    return None if value is None else dumps(value)


def jsonb_or_null(name: str, value: object) -> str | None:
    """JSON text for the JSONB column `name`, SQL's NULL for None.

    Raises `InvalidData` where Postgres would write the numbers out many times larger than they were sent: JSONB has
    no exponents, so a body of 4 MiB could come back as hundreds.
    """
    encoded = json_or_null(value)
    if encoded and sum(map(int, _EXPONENT.findall(encoded))) > MAX_DIGITS_WRITTEN_OUT:
        raise InvalidData([FieldError(f"data.{name}", "holds too many very large or very small numbers")])
    return encoded


def step_statement(table: str = "", condition: str = "account.exists") -> TextClause:
    """The statement that saves a step, its session and, through the expression `table`, its own table's row."""
    expressions = ",".join(part for part in (ACCOUNT, _SAVE_STEP.format(condition=condition), table) if part)
    return text(
        f"WITH {expressions} SELECT account.exists, session.current_step, session.progress"
        " FROM account LEFT JOIN session ON true"
    )


def written(database: Database, user_id: str, statement: TextClause, **parameters: object) -> Row:
    """Run a writing statement and give its row. Raises `Unauthenticated` where the account was erased."""
    row = database.write(user_id, statement, **parameters)[0]
    if not row["exists"]:
        raise Unauthenticated("This account was deleted.")
    return row
