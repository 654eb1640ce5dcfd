"""Saving and reading a single step. Steps with a table of their own have a module each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import JSON, ColumnElement, DateTime, Text, cast, func, null, select, update
from sqlalchemy.dialects.postgresql import array

from lib.db import sessions
from lib.db.database import Database
from lib.db.guards import within_quota
from lib.db.statements import USER, Bound, Query, Statement, parameter, upsert, with_members
from lib.db.tables import onboarding_steps
from lib.json_text import JsonText
from lib.steps.definitions import COMPLETED, FINISHED_STATUSES, IN_PROGRESS, PENDING, SKIPPED, StepDefinition
from lib.steps.progress import UNTOUCHED, Progress, StepState

_step = onboarding_steps.c


class _StepRow(TypedDict):
    """A step, its payload and errors as JSON text."""

    status: str
    completed_at: datetime | None
    data: str | None
    validation_errors: str
    draft: str | None
    draft_saved_at: datetime | None


_KEY = [_step.user_id, _step.step_key]
_DRAFT: dict[str, ColumnElement[Any]] = {
    "draft": cast(null(), JSON),
    "draft_saved_at": cast(null(), DateTime(timezone=True)),
}
_PAYLOAD = ["data", "validation_errors"]
_NOW: dict[str, ColumnElement[Any]] = {"completed_at": func.now()}

# A step that is finished without data keeps what it stored before.
_COMPLETE = Statement(
    upsert(onboarding_steps, ["step_key", "status", *_PAYLOAD], _KEY, computed=_NOW | _DRAFT, keep_if_null=["data"])
)
_SKIP = Statement(upsert(onboarding_steps, ["step_key", "status"], _KEY, computed=_NOW, untouched=[*_PAYLOAD, *_DRAFT]))
# A step that is finished already keeps the time at which it was.
_FINISH = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status"],
        _KEY,
        computed=_NOW,
        untouched=[*_PAYLOAD, *_DRAFT],
        only_if=_step.status != func.all(array(FINISHED_STATUSES)),
    )
)
_BEGIN = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status"],
        _KEY,
        untouched=[*_PAYLOAD, *_DRAFT, *_NOW],
        only_if=_step.status == PENDING,
    )
)
_ADD_TO_DRAFT = Statement(
    update(onboarding_steps)
    .where(_step.user_id == USER, _step.step_key == parameter(onboarding_steps, "step_key"))
    .values(
        draft=with_members(_step.draft, parameter(onboarding_steps, "draft")),
        draft_saved_at=func.now(),
        updated_at=func.now(),
    )
)
_READ = Query(
    select(
        _step.status,
        _step.completed_at,
        _step.data.cast(Text).label("data"),
        _step.validation_errors.cast(Text).label("validation_errors"),
        _step.draft.cast(Text).label("draft"),
        _step.draft_saved_at,
    ).where(_step.user_id == USER, _step.step_key == parameter(onboarding_steps, "step_key")),
    _StepRow,
)


def complete(
    database: Database,
    user_id: str,
    step: StepDefinition,
    data: object,
    validation_errors: list[object],
    also: Sequence[Bound[Any]] = (),
) -> Progress:
    """Complete a step and keep its payload; `also` are the statements that fill the step's own table.

    Without `data`, what was stored before stays. Gives where the user stands afterwards.
    """
    saved = _COMPLETE(step_key=step.key, status=COMPLETED, data=data, validation_errors=validation_errors)
    statements = [*sessions.advanced(step), saved, *also, within_quota()]
    return sessions.write_and_load(database, user_id, statements)


def skip(database: Database, user_id: str, step: StepDefinition) -> Progress:
    """Skip a step; what it stored stays. Gives where the user stands afterwards."""
    saved = _SKIP(step_key=step.key, status=SKIPPED)
    return sessions.write_and_load(database, user_id, [*sessions.advanced(step), saved])


def finished(step: StepDefinition) -> Bound[Any]:
    """The statement that marks a step completed because what it needs is stored; its own data stays."""
    return _FINISH(step_key=step.key, status=COMPLETED)


def begun(step: StepDefinition) -> Bound[Any]:
    """The statement that marks a pending step as in progress."""
    return _BEGIN(step_key=step.key, status=IN_PROGRESS)


def add_to_draft(database: Database, user_id: str, step: StepDefinition, members: Mapping[str, object]) -> None:
    """Put `members` into the step's draft, beside those that it has already."""
    added = _ADD_TO_DRAFT(step_key=step.key, draft=members)
    database.write(user_id, [*sessions.ensured(), begun(step), added, within_quota()])


def read(database: Database, user_id: str, step: StepDefinition) -> StepState:
    """What is stored of a step, with its payload and errors as finished JSON."""
    rows = database.read(user_id, _READ(step_key=step.key))
    if not rows:
        return UNTOUCHED
    row = rows[0]
    return StepState(
        status=row["status"],
        completed_at=row["completed_at"],
        has_data=row["data"] is not None,
        data=None if row["data"] is None else JsonText(row["data"]),
        validation_errors=JsonText(row["validation_errors"]),
        draft=None if row["draft"] is None else JsonText(row["draft"]),
        draft_saved_at=row["draft_saved_at"],
    )
