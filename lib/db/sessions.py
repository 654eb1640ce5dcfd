"""Statements on the session as a whole: where a user stands, and the moves that no single step makes."""

from collections.abc import Sequence

from sqlalchemy import text

from lib.db.database import Database, Row
from lib.db.writing import ACCOUNT, ENSURE_SESSION, written

# One row a step that was ever touched, or one row without a step. `data` is read only where it is asked for:
# Postgres fetches a large value when it is used, not when its row is.
_LOAD = text(
    """
    SELECT s.id, s.current_step, s.progress, s.started_at, s.updated_at, s.completed_at AS finished_at,
           t.step_number, t.status, t.completed_at, t.data IS NOT NULL AS has_data,
           CASE WHEN t.step_number = ANY(:with_data) THEN t.data END::text AS data,
           CASE WHEN t.step_number = ANY(:with_data) THEN t.validation_errors END::text AS validation_errors
    FROM onboarding_sessions s
    LEFT JOIN onboarding_steps t ON t.user_id = s.user_id
    WHERE s.user_id = :user_id
    ORDER BY t.step_number
    """
)

_START = text(
    f"""
    WITH {ACCOUNT},
    {ENSURE_SESSION}
    SELECT account.exists, session.* FROM account LEFT JOIN session ON true
    """
)

# A session that is already finished keeps its moment. Nothing is written while a required step or a key is missing.
_FINISH = text(
    f"""
    WITH {ACCOUNT},
    state AS (
        SELECT ARRAY(SELECT step_number FROM onboarding_steps
                     WHERE user_id = :user_id AND status IN ('completed', 'skipped')) AS finished,
               EXISTS (SELECT FROM api_keys WHERE user_id = :user_id) AS has_key,
               EXISTS (SELECT FROM persona_data WHERE user_id = :user_id) AS has_persona
    ),
    session AS (
        UPDATE onboarding_sessions s
        SET completed_at = COALESCE(s.completed_at, now()),
            progress = 100,
            updated_at = CASE WHEN s.completed_at IS NULL THEN now() ELSE s.updated_at END
        FROM account, state
        WHERE s.user_id = :user_id AND account.exists
          AND (s.completed_at IS NOT NULL OR (state.has_key AND state.finished @> CAST(:required AS smallint[])))
        RETURNING s.completed_at
    )
    SELECT account.exists, state.*, session.completed_at
    FROM account CROSS JOIN state LEFT JOIN session ON true
    """
)

_RESET = text(
    f"""
    WITH {ACCOUNT},
    steps AS (
        UPDATE onboarding_steps SET status = 'pending', completed_at = NULL, updated_at = now()
        WHERE user_id = :user_id AND status <> 'pending'
    ),
    session AS (
        UPDATE onboarding_sessions
        SET current_step = 1, progress = 0, completed_at = NULL, updated_at = now()
        WHERE user_id = :user_id
    )
    SELECT account.exists FROM account
    """
)

_ERASE = text(
    f"""
    WITH {ACCOUNT},
    erased AS (DELETE FROM onboarding_sessions WHERE user_id = :user_id)
    SELECT account.exists FROM account
    """
)


def load(database: Database, user_id: str, with_data: Sequence[int] = ()) -> Sequence[Row]:
    """The session beside each of its steps; `data` and `validation_errors` (JSON text) for the steps `with_data`.

    No row for a user never seen before.
    """
    return database.read(user_id, _LOAD, with_data=list(with_data))


def start(database: Database, user_id: str) -> Row:
    """The user's session, made if there was none: id, current_step, progress, started_at."""
    return written(database, user_id, _START)


def finish(database: Database, user_id: str, required: Sequence[int]) -> Row:
    """Finish onboarding if the `required` steps and a key are there.

    Gives completed_at (null where they are not), finished (step numbers), has_key and has_persona.
    """
    return written(database, user_id, _FINISH, required=list(required))


def reset(database: Database, user_id: str) -> None:
    """Set every step back to pending; what they stored stays."""
    written(database, user_id, _RESET)


def erase(database: Database, user_id: str) -> None:
    """Delete everything of this user; children go with the session."""
    written(database, user_id, _ERASE)
