"""What every step's function answers besides its own: the step itself, completing, skipping, and whether it is open."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.db import sessions, steps
from lib.errors import Conflict, FieldError, InvalidData
from lib.http.app import Call, Handler, Route
from lib.http.rendering import json_text, progress_of, time_text
from lib.steps.definitions import definition

if TYPE_CHECKING:
    from lib.db.database import Row

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """The body of `POST …/step/{n}/complete`. `data` is None where none was sent."""

    data: dict[str, Any] | None
    validation_errors: list[Any]

    @property
    def payload(self) -> dict[str, Any]:
        """The data of a step that needs some. Raises `InvalidData` where there is none."""
        if self.data is None:
            raise InvalidData([FieldError("data", "is required: an object with what this step collects")])
        return self.data


# Stores a step and gives the row of `lib.db.steps.save`, and the data as it may be echoed.
type Save = Callable[[Call, Submission], "tuple[Row, object]"]


def step_routes(number: int, save: Save, read: Handler | None = None, *, body_required: bool = True) -> list[Route]:
    """The four routes of a step."""
    path = f"/api/onboarding/step/{number}"
    return [
        Route("GET", path, read or (lambda call: _read(call, number))),
        Route("POST", f"{path}/complete", lambda call: _complete(call, number, save, body_required=body_required)),
        Route("POST", f"{path}/skip", lambda call: _skip(call, number)),
        Route("GET", f"{path}/validate", lambda call: _validate(call, number)),
    ]


def step_answer(number: int, row: "Row | None", data: object, validation_errors: object) -> dict[str, Any]:
    """The document of `GET …/step/{n}`."""
    step = definition(number)
    return {
        "step_number": number,
        "title": step.title,
        "description": step.description,
        "status": (row and row["status"]) or "pending",
        "completed_at": time_text(row["completed_at"]) if row else None,
        "data": data,
        "validation_errors": validation_errors or [],
    }


def saved_to_database(call: Call, what: str) -> None:
    """The line that operators look for. Call it once the data is committed, never before."""
    _log.info("✅ DATABASE: %s saved to database for user %s", what, call.user.id)


def _read(call: Call, number: int) -> dict[str, Any]:
    row = steps.read(call.database, call.user.id, number)
    if row is None:
        return step_answer(number, None, None, None)
    return step_answer(number, row, json_text(row["data"]), json_text(row["validation_errors"]))


def _complete(call: Call, number: int, save: Save, *, body_required: bool) -> dict[str, Any]:
    row, echoed = save(call, _submission(call.body(required=body_required)))
    return {
        "message": f"{definition(number).title} completed.",
        "step_number": number,
        "data": echoed,
        "current_step": row["current_step"],
        "completion_percentage": row["progress"],
    }


def _submission(body: dict[str, Any]) -> Submission:
    data, validation_errors = body.get("data"), body.get("validation_errors")
    errors = []
    if data is not None and not isinstance(data, dict):
        errors.append(FieldError("data", "must be an object"))
    if validation_errors is not None and not isinstance(validation_errors, list):
        errors.append(FieldError("validation_errors", "must be a list"))
    if errors:
        raise InvalidData(errors)
    return Submission(data, validation_errors or [])


def _skip(call: Call, number: int) -> dict[str, Any]:
    step = definition(number)
    if step.required:
        raise Conflict(f"{step.title} is required and cannot be skipped.")
    row = steps.skip(call.database, call.user.id, number)
    return {
        "message": f"{step.title} skipped.",
        "step_number": number,
        "current_step": row["current_step"],
        "completion_percentage": row["progress"],
    }


def _validate(call: Call, number: int) -> dict[str, Any]:
    missing = progress_of(sessions.load(call.database, call.user.id)).missing_before(number)
    return {
        "can_proceed": not missing,
        "validation_errors": [f"{definition(step).title} has to be completed first." for step in missing],
        "step_status": "locked" if missing else "available",
    }
