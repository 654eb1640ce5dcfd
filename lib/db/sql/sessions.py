"""The statements of `lib.db.sessions`."""

from sqlalchemy import (
    ARRAY,
    String,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    null,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert

from lib.db.sessions import ProgressRow
from lib.db.sql.events import session_made
from lib.db.sql.guards import HAS_WHAT_IS_REQUIRED
from lib.db.statements import USER, WRITE_SEED, Query, Statement, parameter
from lib.db.tables import api_keys, onboarding_sessions, onboarding_steps, persona_data
from lib.steps.definitions import IN_PROGRESS, PENDING, STEPS
from lib.steps.limits import MAX_ANSWER_BYTES, MAX_DATA_BYTES, MAX_NOTES_BYTES
from lib.steps.providers import AI_PROVIDERS

_session, _step = onboarding_sessions.c, onboarding_steps.c
_OF_USER = _session.user_id == USER

MAX_SHOWN_BYTES = MAX_DATA_BYTES + MAX_NOTES_BYTES  # business information is added to what was sent
MAX_SHOWN_IN_ALL_BYTES = MAX_ANSWER_BYTES - len(STEPS) * 2 * MAX_NOTES_BYTES

session_tag = func.concat(func.coalesce(_session.id, 0), literal_column("'.'"), func.coalesce(_session.version, 0))
"""As `Progress.tag`."""
is_new_to_caller = session_tag != func.all(bindparam("known", type_=ARRAY(String)))
"""Whether the session's tag is not among those that the caller knows."""
_key_of_user = exists().where(api_keys.c.user_id == USER)
# `data` is read only for the steps `with_data`: Postgres fetches a large value when it is used, not when its row is.
_is_wanted = (_step.step_key == func.any(bindparam("with_data", type_=ARRAY(String)))) & is_new_to_caller
_sized = (
    select(
        onboarding_steps,
        func.octet_length(case((_is_wanted, _step.data)).cast(Text)).label("bytes"),
        case((_is_wanted, _step.validation_errors)).cast(Text).label("errors"),
    )
    .where(_step.user_id == USER)
    .correlate(onboarding_sessions)
    .lateral("sized")
)
_of_step = _sized.c
# What an answer has no room for is not sent by Postgres: the largest payloads first.
_total = (
    func.sum(_of_step.bytes)
    .filter(_of_step.bytes <= MAX_SHOWN_BYTES)
    .over(order_by=[_of_step.bytes, _of_step.step_key], rows=(None, 0))
)
_has_room = (_of_step.bytes <= MAX_SHOWN_BYTES) & (_total <= MAX_SHOWN_IN_ALL_BYTES)
LOAD = Query(
    select(
        _session.id,
        _session.version.label("session_version"),
        _session.furthest_step,
        _session.started_at,
        _session.updated_at,
        _session.completed_at.label("finished_at"),
        _key_of_user.label("has_key"),
        _key_of_user.where(api_keys.c.provider == func.any(array(AI_PROVIDERS))).label("has_ai_key"),
        exists().where(persona_data.c.user_id == USER).label("has_persona"),
        _of_step.step_key,
        _of_step.version,
        _of_step.status,
        _of_step.completed_at,
        _of_step.data.is_not(null()).label("has_data"),
        (_of_step.bytes.is_not(null()) & ~_has_room).label("data_too_large"),
        case((_has_room, _of_step.data)).cast(Text).label("data"),
        case((func.octet_length(_of_step.errors) <= 2 * MAX_NOTES_BYTES, _of_step.errors)).label("validation_errors"),
    )
    .select_from(onboarding_sessions.outerjoin(_sized, true()))
    .where(_OF_USER),
    ProgressRow,
)

_ensure = insert(onboarding_sessions).inline().values(user_id=USER)
_NEXT_VERSION = {"version": _session.version + 1}
ENSURE = session_made(
    _ensure.on_conflict_do_update(
        index_elements=[_session.user_id], set_={"updated_at": _ensure.excluded.updated_at, **_NEXT_VERSION}
    )
)
CHANGE = Statement(update(onboarding_sessions).where(_OF_USER).values(_NEXT_VERSION))

_advance = (
    insert(onboarding_sessions)
    .inline()
    .values(user_id=USER, furthest_step=parameter(onboarding_sessions, "furthest_step"))
)
_is_further = _session.furthest_step == func.any(bindparam("later_steps", type_=ARRAY(String)))
ADVANCE = session_made(
    _advance.on_conflict_do_update(
        index_elements=[_session.user_id],
        set_={
            "furthest_step": case((_is_further, _session.furthest_step), else_=_advance.excluded.furthest_step),
            "updated_at": _advance.excluded.updated_at,
            **_NEXT_VERSION,
        },
    )
)

FINISH = Statement(
    update(onboarding_sessions)
    .where(_OF_USER, _session.completed_at.is_(None), HAS_WHAT_IS_REQUIRED)
    .values(completed_at=func.now(), updated_at=func.now(), **_NEXT_VERSION)
)

# A step with a draft that is not finished is in progress.
_status_at_the_beginning = case((_step.draft.is_not(null()), IN_PROGRESS), else_=PENDING)
RESET_STEPS = Statement(
    update(onboarding_steps)
    .where(_step.user_id == USER, _step.status != _status_at_the_beginning)
    .values(
        status=_status_at_the_beginning,
        completed_at=None,
        updated_at=func.now(),
        version=_step.version + 1,
        written_by=WRITE_SEED,
    )
)
RESET_SESSION = Statement(
    update(onboarding_sessions)
    .where(_OF_USER)
    .values(furthest_step=None, completed_at=None, updated_at=func.now(), **_NEXT_VERSION)
)
ERASE = Statement(delete(onboarding_sessions).where(_OF_USER))
