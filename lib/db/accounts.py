"""The end of an account: its rows go, and a tombstone keeps a token that outlives it from writing new ones."""

from typing import TypedDict

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from lib.db.database import Database
from lib.db.guards import USER_HASH
from lib.db.statements import USER, Query, Statement
from lib.db.tables import erased_users, onboarding_sessions


class _DeletedSession(TypedDict):
    id: int


_MARK_ERASED = Statement(insert(erased_users).inline().values(user_hash=USER_HASH).on_conflict_do_nothing())
_ERASE = Query(
    delete(onboarding_sessions).where(onboarding_sessions.c.user_id == USER).returning(onboarding_sessions.c.id),
    _DeletedSession,
)


def delete_for_good(database: Database, user_id: str) -> bool:
    """Erase everything of a user for good; children go with the session. Whether there was anything."""
    return bool(database.write_and_read(user_id, [_MARK_ERASED()], _ERASE()))
