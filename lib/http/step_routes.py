"""The four routes that every step has: reading it, completing it, skipping it, and whether it is open."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lib.db import sessions, steps
from lib.errors import Conflict, FieldError, InvalidData
from lib.http.app import Call, Handler, Route
from lib.http.rendering import time_text
from lib.steps.definitions import FLOW, StepDefinition
from lib.steps.progress import Progress, StepState

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


# Stores a step; gives where the user stands afterwards, and the data as it may be echoed.
type Save = Callable[[Call, Submission], tuple[Progress, object]]


def step_routes(
    step: StepDefinition, save: Save, read: Handler | None = None, *, body_required: bool = True
) -> list[Route]:
    """The four routes of a step, under its number."""
    path = f"/api/onboarding/step/{FLOW.number(step)}"
    return [
        Route("GET", path, read or (lambda call: _read(call, step))),
        Route("POST", f"{path}/complete", lambda call: _complete(call, step, save, body_required=body_required)),
        Route("POST", f"{path}/skip", lambda call: _skip(call, step)),
        Route("GET", f"{path}/validate", lambda call: _validate(call, step)),
    ]


def step_answer(step: StepDefinition, state: StepState) -> dict[str, Any]:
    """The document of `GET …/step/{n}`."""
    return {
        "step_number": FLOW.number(step),
        "title": step.title,
        "description": step.description,
        "status": state.status,
        "completed_at": time_text(state.completed_at),
        "data": state.data,
        "validation_errors": state.validation_errors,
    }


def log_saved(call: Call, what: str) -> None:
    """The line that operators look for. Call it once the data is committed, never before."""
    _log.info("✅ DATABASE: %s saved to database for user %s", what, call.user.id)


def _read(call: Call, step: StepDefinition) -> dict[str, Any]:
    return step_answer(step, steps.read(call.database, call.user.id, step))


def _complete(call: Call, step: StepDefinition, save: Save, *, body_required: bool) -> dict[str, Any]:
    progress, echoed = save(call, _submission(call.body(required=body_required)))
    return {
        "message": f"{step.title} completed.",
        "step_number": FLOW.number(step),
        "data": echoed,
        "current_step": progress.current_step,
        "completion_percentage": progress.completion_percentage,
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


def _skip(call: Call, step: StepDefinition) -> dict[str, Any]:
    if step.required:
        raise Conflict(f"{step.title} is required and cannot be skipped.")
    progress = steps.skip(call.database, call.user.id, step)
    return {
        "message": f"{step.title} skipped.",
        "step_number": FLOW.number(step),
        "current_step": progress.current_step,
        "completion_percentage": progress.completion_percentage,
    }


def _validate(call: Call, step: StepDefinition) -> dict[str, Any]:
    missing = sessions.load(call.database, call.user.id).missing_before(step)
    return {
        "can_proceed": not missing,
        "validation_errors": [f"{required.title} has to be completed first." for required in missing],
        "step_status": "locked" if missing else "available",
    }
