"""Step 3's table: one row a user, typed columns next to the payload that the step keeps."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from lib.db import steps
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.steps.definitions import RESEARCH
from lib.steps.fields import PreferenceFields
from lib.steps.progress import Progress


class Preferences(PreferenceFields):
    """The typed columns, and step 3's whole payload as `data`."""

    id: int
    session_id: int
    created_at: datetime
    updated_at: datetime
    data: dict[str, Any] | None


_SAVE = statement("research_preferences.SAVE")
_READ = query("research_preferences.READ", Preferences)


def complete_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    preferences: PreferenceFields,
    *,
    if_match: Collection[int] | None,
) -> Progress:
    """Complete step 3."""
    return steps.complete(
        database, user_id, RESEARCH, data, validation_errors, [_SAVE(**preferences)], if_match=if_match
    )


def read(database: Database, user_id: str) -> Preferences | None:
    """The preferences, if there are any."""
    rows = database.read(user_id, _READ())
    return rows[0] if rows else None
