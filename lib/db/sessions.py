"""The session as a whole: where a user stands, and the changes that belong to no single step."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypedDict

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

from lib.db.database import Database
from lib.db.events import happened, onboarding_completed, session_made
from lib.db.guards import HAS_WHAT_IS_REQUIRED, account_exists, required_by
from lib.db.statements import USER, WRITE_SEED, Bound, Query, Statement, parameter
from lib.db.tables import api_keys, onboarding_sessions, onboarding_steps, persona_data
from lib.json_text import JsonText
from lib.steps.definitions import IN_PROGRESS, PENDING, STEPS, Flow, Status, StepDefinition
from lib.steps.limits import MAX_ANSWER_BYTES, MAX_DATA_BYTES, MAX_NOTES_BYTES
from lib.steps.progress import Progress, StepState
from lib.steps.providers import AI_PROVIDERS

_session, _step = onboarding_sessions.c, onboarding_steps.c
_OF_USER = _session.user_id == USER


MAX_SHOWN_BYTES = MAX_DATA_BYTES + MAX_NOTES_BYTES  # business information is added to what was sent
MAX_SHOWN_IN_ALL_BYTES = MAX_ANSWER_BYTES - len(STEPS) * 2 * MAX_NOTES_BYTES


class _ProgressRow(TypedDict):
    """The session with one of its steps; the step's columns are null where no step was ever touched."""

    id: int
    session_version: int
    furthest_step: str | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    has_key: bool
    has_ai_key: bool
    has_persona: bool
    step_key: str | None
    version: int
    status: Status
    completed_at: datetime | None
    has_data: bool
    data_too_large: bool
    data: str | None
    validation_errors: str | None


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
_LOAD = Query(
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
    _ProgressRow,
)

_ensure = insert(onboarding_sessions).inline().values(user_id=USER)
_NEXT_VERSION = {"version": _session.version + 1}
_ENSURE = session_made(
    _ensure.on_conflict_do_update(
        index_elements=[_session.user_id], set_={"updated_at": _ensure.excluded.updated_at, **_NEXT_VERSION}
    )
)
_CHANGE = Statement(update(onboarding_sessions).where(_OF_USER).values(_NEXT_VERSION))

_advance = (
    insert(onboarding_sessions)
    .inline()
    .values(user_id=USER, furthest_step=parameter(onboarding_sessions, "furthest_step"))
)
_is_further = _session.furthest_step == func.any(bindparam("later_steps", type_=ARRAY(String)))
_ADVANCE = session_made(
    _advance.on_conflict_do_update(
        index_elements=[_session.user_id],
        set_={
            "furthest_step": case((_is_further, _session.furthest_step), else_=_advance.excluded.furthest_step),
            "updated_at": _advance.excluded.updated_at,
            **_NEXT_VERSION,
        },
    )
)

_FINISH = Statement(
    update(onboarding_sessions)
    .where(_OF_USER, _session.completed_at.is_(None), HAS_WHAT_IS_REQUIRED)
    .values(completed_at=func.now(), updated_at=func.now(), **_NEXT_VERSION)
)

# A step with a draft that is not finished is in progress.
_status_at_the_beginning = case((_step.draft.is_not(null()), IN_PROGRESS), else_=PENDING)
_RESET_STEPS = Statement(
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
_RESET_SESSION = Statement(
    update(onboarding_sessions)
    .where(_OF_USER)
    .values(furthest_step=None, completed_at=None, updated_at=func.now(), **_NEXT_VERSION)
)
_ERASE = Statement(delete(onboarding_sessions).where(_OF_USER))


def load(
    database: Database, user_id: str, with_data: Collection[StepDefinition] = (), known: Collection[str] = ()
) -> Progress:
    """Where the user stands, with `data` and `validation_errors` (as finished JSON) of the steps `with_data`.

    Without them where the caller knows the progress: where its `tag` is among `known`.
    """
    return _progress(database.read(user_id, _LOAD(with_data=[step.key for step in with_data], known=known)))


def start(database: Database, user_id: str) -> Progress:
    """Create the user's session if there is none."""
    return write_and_load(database, user_id, ensured())


def finish(database: Database, user_id: str, flow: Flow) -> Progress:
    """Finish onboarding if what the flow requires is there; else the progress is not completed.

    Onboarding that is finished already keeps the time at which it was.
    """
    statements = [account_exists(), _FINISH(**required_by(flow)), onboarding_completed()]
    return write_and_load(database, user_id, statements).in_flow(flow)


def reset(database: Database, user_id: str) -> None:
    """Set every step back to pending; what they stored stays."""
    database.write(user_id, [account_exists(), _RESET_STEPS(), _RESET_SESSION(), happened("onboarding.reset")])


def erase(database: Database, user_id: str) -> None:
    """Delete everything of this user; children go with the session."""
    database.write(user_id, [account_exists(), _ERASE()])


def ensured() -> list[Bound[Any]]:
    """The statements that begin a write: the account was not deleted, and the session is there."""
    return [account_exists(), _ENSURE()]


def changed() -> list[Bound[Any]]:
    """The statements that begin a write to what is stored already: the account was not deleted, a new version."""
    return [account_exists(), _CHANGE()]


def advanced(step: StepDefinition) -> list[Bound[Any]]:
    """As `ensured`, and the session has got at least as far as `step`."""
    later = [other.key for other in STEPS[STEPS.index(step) + 1 :]]
    return [account_exists(), _ADVANCE(furthest_step=step.key, later_steps=later)]


def write_and_load(database: Database, user_id: str, statements: Sequence[Bound[Any]]) -> Progress:
    """Run the statements of a write, and give where the user stands after them."""
    return _progress(database.write_and_read(user_id, statements, _LOAD(with_data=[], known=[])))


def _progress(rows: Sequence[_ProgressRow]) -> Progress:
    if not rows:
        return Progress()
    first = rows[0]
    return Progress(
        session_id=first["id"],
        version=first["session_version"],
        furthest_step=first["furthest_step"],
        started_at=first["started_at"],
        updated_at=first["updated_at"],
        completed_at=first["finished_at"],
        has_key=first["has_key"],
        has_ai_key=first["has_ai_key"],
        has_persona=first["has_persona"],
        steps={key: _state(row) for row in rows if (key := row["step_key"]) is not None},
    )


def _state(row: _ProgressRow) -> StepState:
    data, errors = row["data"], row["validation_errors"]
    return StepState(
        status=row["status"],
        completed_at=row["completed_at"],
        has_data=row["has_data"],
        data_too_large=row["data_too_large"],
        data=None if data is None else JsonText(data),
        validation_errors=[] if errors is None else JsonText(errors),
        version=row["version"],
    )
