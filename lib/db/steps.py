"""Saving and reading a single step. Steps with a table of their own have a module each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import array, insert

from lib.db import sessions
from lib.db.database import Database
from lib.db.events import happened, step_finished
from lib.db.guards import may_finish, version_is, within_quota
from lib.db.statements import USER, WRITE_SEED, Bound, Query, Statement, parameter, upsert
from lib.db.tables import onboarding_steps
from lib.json_text import JsonText
from lib.steps.definitions import (
    COMPLETED,
    FINISHED_STATUSES,
    IN_PROGRESS,
    PENDING,
    SKIPPED,
    Flow,
    Status,
    StepDefinition,
)
from lib.steps.progress import UNTOUCHED, Progress, StepState

_step = onboarding_steps.c


class _StepRow(TypedDict):
    """A step, its payload and errors as JSON text."""

    status: Status
    completed_at: datetime | None
    data: str | None
    validation_errors: str | None
    draft: str | None
    draft_saved_at: datetime | None
    version: int


# How a statement speaks of a step: for this module and that of the drafts.
KEY = [_step.user_id, _step.step_key]
NO_DRAFT: dict[str, ColumnElement[Any]] = {
    "draft": cast(null(), JSON),
    "draft_saved_at": cast(null(), DateTime(timezone=True)),
}
PAYLOAD = ["data", "validation_errors"]
_NEW = insert(onboarding_steps).excluded
NOW: dict[str, ColumnElement[Any]] = {"completed_at": func.now()}
# A list of statements changes a step once, however many of them touch it and however often the list is run.
_is_first_change = _step.written_by.is_distinct_from(WRITE_SEED)
NEXT_VERSION: dict[str, ColumnElement[Any]] = {
    "version": case((_is_first_change, _step.version + 1), else_=_step.version),
    "written_by": WRITE_SEED,
}
is_finished = _step.status == func.any(array(FINISHED_STATUSES))
is_step = (_step.user_id == USER) & (_step.step_key == parameter(onboarding_steps, "step_key"))

# A step that is finished without data keeps what it stored before.
_COMPLETE = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status", *PAYLOAD],
        KEY,
        computed=NOW | NO_DRAFT,
        keep_if_null=["data"],
        updated=NEXT_VERSION,
    )
)
_SKIP = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status"],
        KEY,
        computed=NOW,
        untouched=[*PAYLOAD, *NO_DRAFT],
        updated=NEXT_VERSION,
    )
)
# A step that is finished already keeps the time at which it was; what finishes it has changed all the same.
_FINISH = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status"],
        KEY,
        computed=NOW,
        untouched=[*PAYLOAD, *NO_DRAFT],
        updated={
            "status": case((is_finished, _step.status), else_=COMPLETED),
            "completed_at": case((is_finished, _step.completed_at), else_=_NEW.completed_at),
            **NEXT_VERSION,
        },
    )
)
_BEGIN = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status"],
        KEY,
        untouched=[*PAYLOAD, *NO_DRAFT, *NOW],
        only_if=_step.status == PENDING,
        updated=NEXT_VERSION,
    )
)


# What the caller knows is not read again.
_is_new = _step.version != func.all(bindparam("known", type_=ARRAY(BigInteger)))
_READ = Query(
    select(
        _step.status,
        _step.completed_at,
        case((_is_new, _step.data)).cast(Text).label("data"),
        case((_is_new, _step.validation_errors)).cast(Text).label("validation_errors"),
        case((_is_new, _step.draft)).cast(Text).label("draft"),
        _step.draft_saved_at,
        _step.version,
    ).where(is_step),
    _StepRow,
)


def complete(
    database: Database,
    user_id: str,
    step: StepDefinition,
    data: object,
    validation_errors: list[object],
    also: Sequence[Bound[Any]] = (),
    *,
    if_match: Collection[int] | None = None,
) -> Progress:
    """Complete a step and keep its payload; `also` are the statements that fill the step's own table.

    Without `data`, what was stored before stays. Gives where the user stands afterwards. Raises `VersionMismatch`, and
    stores nothing, where the step has none of the versions `if_match`.
    """
    saved = _COMPLETE(step_key=step.key, status=COMPLETED, data=data, validation_errors=validation_errors)
    fields = len(data) if isinstance(data, Mapping) else 0
    event = happened("step.completed", step, fields=fields)
    statements = [*sessions.advanced(step), *version_is(step, if_match), saved, *also, within_quota(), event]
    return sessions.write_and_load(database, user_id, statements)


def complete_last(
    database: Database,
    user_id: str,
    flow: Flow,
    data: object,
    validation_errors: list[object],
    *,
    if_match: Collection[int] | None,
) -> Progress:
    """Complete the flow's last step. Raises `Incomplete` where something that the flow requires is missing."""
    last, required = flow.steps[-1], [may_finish(flow)]
    return complete(database, user_id, last, data, validation_errors, required, if_match=if_match)


def skip(database: Database, user_id: str, step: StepDefinition, *, if_match: Collection[int] | None) -> Progress:
    """Skip a step; what it stored stays. Gives where the user stands afterwards. Raises `VersionMismatch`."""
    saved = [_SKIP(step_key=step.key, status=SKIPPED), happened("step.skipped", step)]
    return sessions.write_and_load(database, user_id, [*sessions.advanced(step), *version_is(step, if_match), *saved])


def finished(step: StepDefinition) -> list[Bound[Any]]:
    """The statements that mark a step completed because what it needs is stored; its own data stays."""
    return [_FINISH(step_key=step.key, status=COMPLETED), step_finished(step)]


def touched(step: StepDefinition, provided: ColumnElement[bool] | None = None) -> Statement:
    """The statement that notes a change of what a step shows beside its own row; it takes no values.

    Nothing happens where `provided` does not hold.
    """
    return Statement(
        upsert(
            onboarding_steps,
            [],
            KEY,
            computed={"step_key": literal(step.key)},
            untouched=["status", *PAYLOAD, *NO_DRAFT, *NOW],
            updated=NEXT_VERSION,
            provided=provided,
        )
    )


def begun(step: StepDefinition) -> Bound[Any]:
    """The statement that marks a pending step as in progress."""
    return _BEGIN(step_key=step.key, status=IN_PROGRESS)


def read(database: Database, user_id: str, step: StepDefinition, known: Collection[int] = ()) -> StepState:
    """What is stored of a step, with its payload, errors and draft as finished JSON.

    Without those three where the step's version is among `known`.
    """
    rows = database.read(user_id, _READ(step_key=step.key, known=known))
    if not rows:
        return UNTOUCHED
    row = rows[0]
    errors = row["validation_errors"]
    return StepState(
        status=row["status"],
        completed_at=row["completed_at"],
        has_data=row["data"] is not None,
        data=None if row["data"] is None else JsonText(row["data"]),
        validation_errors=[] if errors is None else JsonText(errors),
        draft=None if row["draft"] is None else JsonText(row["draft"]),
        draft_saved_at=row["draft_saved_at"],
        version=row["version"],
    )
