"""The statements of `lib.db.steps`."""

from typing import Any

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

from lib.db.statements import USER, WRITE_SEED, Query, Statement, parameter, upsert
from lib.db.steps import StepRow
from lib.db.tables import onboarding_steps
from lib.steps.definitions import (
    COMPLETED,
    FINISHED_STATUSES,
    PENDING,
    StepDefinition,
)

_step = onboarding_steps.c

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
COMPLETE = Statement(
    upsert(
        onboarding_steps,
        ["step_key", "status", *PAYLOAD],
        KEY,
        computed=NOW | NO_DRAFT,
        keep_if_null=["data"],
        updated=NEXT_VERSION,
    )
)
SKIP = Statement(
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
FINISH = Statement(
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
BEGIN = Statement(
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
READ = Query(
    select(
        _step.status,
        _step.completed_at,
        case((_is_new, _step.data)).cast(Text).label("data"),
        case((_is_new, _step.validation_errors)).cast(Text).label("validation_errors"),
        case((_is_new, _step.draft)).cast(Text).label("draft"),
        _step.draft_saved_at,
        _step.version,
    ).where(is_step),
    StepRow,
)


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
