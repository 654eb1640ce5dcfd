"""The statements of `lib.db.research_preferences`."""

from sqlalchemy import select

from lib.db.research_preferences import Preferences
from lib.db.statements import USER, Query, Statement, upsert
from lib.db.tables import onboarding_steps, research_preferences
from lib.steps.definitions import RESEARCH
from lib.steps.fields import PREFERENCE_FIELDS

_preferences, _step = research_preferences.c, onboarding_steps.c

SAVE = Statement(upsert(research_preferences, PREFERENCE_FIELDS, [_preferences.user_id]))

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
READ = Query(OF_USER, Preferences)
