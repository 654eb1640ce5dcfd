"""Saving and reading a single step. Steps with a table of their own have a module each."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from lib.db import sessions
from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import happened, step_finished
from lib.db.guards import may_finish, version_is, within_quota
from lib.json_text import JsonText
from lib.steps.definitions import (
    COMPLETED,
    IN_PROGRESS,
    SKIPPED,
    Flow,
    Status,
    StepDefinition,
)
from lib.steps.progress import UNTOUCHED, Progress, StepState


class StepRow(TypedDict):
    """A step, its payload and errors as JSON text."""

    status: Status
    completed_at: datetime | None
    data: str | None
    validation_errors: str | None
    draft: str | None
    draft_saved_at: datetime | None
    version: int


_COMPLETE = statement("steps.COMPLETE")
_SKIP = statement("steps.SKIP")
_FINISH = statement("steps.FINISH")
_BEGIN = statement("steps.BEGIN")
_READ = query("steps.READ", StepRow)


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
