"""The end of an account: its rows go, and a tombstone keeps a token that outlives it from writing new ones."""

from sqlalchemy import text

from lib.db.database import Database

_DELETE = text(
    """
    WITH tombstone AS (
        INSERT INTO erased_users (user_hash) VALUES (encode(sha256(convert_to(:user_id, 'UTF8')), 'hex'))
        ON CONFLICT (user_hash) DO NOTHING
    ),
    erased AS (DELETE FROM onboarding_sessions WHERE user_id = :user_id RETURNING id)
    SELECT EXISTS (SELECT FROM erased) AS had_data
    """
)


def delete(database: Database, user_id: str) -> bool:
    """Erase everything of a user for good; children go with the session. Whether there was anything."""
    had_data: bool = database.write(user_id, _DELETE)[0]["had_data"]
    return had_data
