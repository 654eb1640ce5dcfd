"""Saving and reading a single step. Steps with a table of their own have a module each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Text, func, select

from lib.db import sessions
from lib.db.database import Database
from lib.db.statements import USER, Bound, Query, Statement, parameter, upsert
from lib.db.tables import onboarding_steps
from lib.json_text import JsonText
from lib.steps.definitions import COMPLETED, SKIPPED, StepDefinition
from lib.steps.progress import UNTOUCHED, Progress, StepState

_step = onboarding_steps.c
_KEY = [_step.user_id, _step.step_key]


class _StepRow(TypedDict):
    """A step, its payload and errors as JSON text."""

    status: str
    completed_at: datetime | None
    data: str | None
    validation_errors: str


# A step that is finished without data keeps what it stored before.
_SAVE = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status", "data", "validation_errors"],
        [_step.user_id, _step.step_key],
        computed={"completed_at": func.now()},
        keep_if_null=["data"],
    )
)
_READ = Query(
    select(
        _step.status,
        _step.completed_at,
        _step.data.cast(Text).label("data"),
        _step.validation_errors.cast(Text).label("validation_errors"),
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
    saved = _SAVE(step_key=step.key, status=COMPLETED, data=data, validation_errors=validation_errors)
    return sessions.write_and_load(database, user_id, [*sessions.advanced(step), saved, *also])


def skip(database: Database, user_id: str, step: StepDefinition) -> Progress:
    """Skip a step; what it stored stays. Gives where the user stands afterwards."""
    saved = _SAVE(step_key=step.key, status=SKIPPED, data=None, validation_errors=[])
    return sessions.write_and_load(database, user_id, [*sessions.advanced(step), saved])


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
    )
