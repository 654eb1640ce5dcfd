"""How stored values look in an answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lib.json_text import JsonText
from lib.steps.definitions import STEPS, StepDefinition
from lib.steps.progress import Progress, StepState

if TYPE_CHECKING:
    from lib.db.database import Row


def time_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with an offset, microseconds included."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def json_text(value: str | None) -> JsonText | None:
    """A finished JSON value from the database; None for SQL's NULL."""
    return None if value is None else JsonText(value)


def preferences_document(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The stored research preferences with every field of step 3's payload, which `data` holds.

    The typed columns win where both have a value: they hold the defaults, and a depth in its canonical spelling.
    """
    typed = {name: value for name, value in columns.items() if name != "data" and value is not None}
    times = {name: time_text(columns[name]) for name in ("created_at", "updated_at")}
    missing = {name: None for name in columns if name != "data"}
    return {**missing, **(columns["data"] or {}), **typed, **times}


def progress_of(rows: "Sequence[Row]") -> Progress:
    """The rows of `lib.db.sessions.load` as a `Progress`."""
    if not rows:
        return Progress()
    first = rows[0]
    return Progress(
        current_step=first["current_step"],
        progress=first["progress"],
        started_at=first["started_at"],
        updated_at=first["updated_at"],
        completed_at=first["finished_at"],
        session_id=first["id"],
        steps={row["step_number"]: _step_state(row) for row in rows if row["step_number"]},
    )


def step_document(step: StepDefinition, state: StepState) -> dict[str, Any]:
    """A step as every list of steps shows it."""
    return {
        "step_number": step.number,
        "title": step.title,
        "description": step.description,
        "status": state.status,
        "completed_at": time_text(state.completed_at),
        "has_data": state.has_data,
        "data": state.data,
    }


def step_documents(progress: Progress) -> list[dict[str, Any]]:
    """All six steps."""
    return [step_document(step, progress.step(step.number)) for step in STEPS]


def _step_state(row: "Row") -> StepState:
    return StepState(
        status=row["status"],
        completed_at=row["completed_at"],
        has_data=row["has_data"],
        data=json_text(row["data"]),
        validation_errors=json_text(row["validation_errors"]) or [],
    )
