"""Step 3's table: one row a user, typed columns next to the payload that the step keeps."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select

from lib.db import steps
from lib.db.database import Database
from lib.db.statements import USER, Query, Statement, upsert
from lib.db.tables import onboarding_steps, research_preferences
from lib.steps.definitions import RESEARCH
from lib.steps.fields import PREFERENCE_FIELDS, PreferenceFields
from lib.steps.progress import Progress

_preferences, _step = research_preferences.c, onboarding_steps.c


class Preferences(PreferenceFields):
    """The typed columns, and step 3's whole payload as `data`."""

    id: int
    session_id: int
    created_at: datetime
    updated_at: datetime
    data: dict[str, Any] | None


_SAVE = Statement(upsert(research_preferences, PREFERENCE_FIELDS, [_preferences.user_id]))

OF_USER = (
    select(
        _preferences.id,
        _preferences.session_id,
        *(_preferences[name] for name in PREFERENCE_FIELDS),
        _preferences.created_at,
        _preferences.updated_at,
        _step.data,
    )
    .select_from(
        research_preferences.outerjoin(
            onboarding_steps, (_step.user_id == _preferences.user_id) & (_step.step_key == RESEARCH.key)
        )
    )
    .where(_preferences.user_id == USER)
)
_READ = Query(OF_USER, Preferences)


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
