"""The statements of `lib.db.api_keys`."""

from typing import Any

from sqlalchemy import Text, delete, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import array

from lib.db.api_keys import KeysWithStep, StepOfKeys, StoredKeys
from lib.db.sql import steps
from lib.db.sql.events import recorded
from lib.db.statements import USER, Query, Statement, parameter, upsert
from lib.db.tables import api_keys, onboarding_sessions, onboarding_steps
from lib.steps.definitions import API_KEYS, COMPLETED, PENDING
from lib.steps.fields import names_of
from lib.steps.providers import AI_PROVIDERS

_key, _step = api_keys.c, onboarding_steps.c

SAVE = Statement(
    upsert(api_keys, ["provider", "encrypted_key", "details"], [_key.user_id, _key.provider], keep_if_null=["details"])
)
_is_of_provider = (_key.user_id == USER) & (_key.provider == parameter(api_keys, "provider"))
DELETE = Statement(delete(api_keys).where(_is_of_provider))

# Step 1 shows the keys, masked: with them it changes.
SHOW_SAVED = steps.touched(API_KEYS)
SHOW_DELETED = steps.touched(API_KEYS, provided=exists().where(_is_of_provider))

EVENT_DELETED = recorded(exists().where(_is_of_provider))
EVENT_REVEALED = recorded(exists().where(_key.user_id == USER))

_has_ai_key = exists().where(_key.user_id == USER, _key.provider == func.any(array(AI_PROVIDERS)))
_is_completed = exists().where(onboarding_sessions.c.user_id == USER, onboarding_sessions.c.completed_at.is_not(None))
# Without a key of an AI provider step 1 is to be done again, unless onboarding is completed.
REOPEN = Statement(
    update(onboarding_steps)
    .where(
        _step.user_id == USER,
        _step.step_key == API_KEYS.key,
        _step.status == COMPLETED,
        ~_has_ai_key,
        ~_is_completed,
    )
    .values(status=PENDING, completed_at=None, updated_at=func.now())
)


def _all_of(column: Any) -> Any:
    """One column of the user's keys as an array, in the order of the providers."""
    return func.array(select(column).where(_key.user_id == USER).order_by(_key.provider).scalar_subquery())


PROVIDERS_AND_KEYS = (
    _all_of(_key.provider).label("providers"),
    _all_of(_key.encrypted_key).label("encrypted_keys"),
)
READ = Query(select(*PROVIDERS_AND_KEYS), StoredKeys)

_shown: dict[str, Any] = {**{name: _step[name] for name in names_of(StepOfKeys)}, "draft": _step.draft.cast(Text)}
_named = [part for name, column in _shown.items() for part in (literal_column(f"'{name}'", Text), column)]
_of_step = select(func.json_build_object(*_named)).where(_step.user_id == USER, _step.step_key == API_KEYS.key)
# The step is looked up beside the keys: joined to what is always there, it would make a worker of Citus crash that was
# added and not distributed to yet.
READ_WITH_STEP = Query(select(*PROVIDERS_AND_KEYS, _of_step.scalar_subquery().label("step")), KeysWithStep)
