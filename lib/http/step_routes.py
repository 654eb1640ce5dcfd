"""The four routes that every step has: reading it, completing it, skipping it, and whether it is open."""

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lib.db import sessions, steps
from lib.errors import Conflict, FieldError, InvalidData
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.http.request_log import note
from lib.steps.definitions import SIX_STEPS, StepDefinition
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
            raise InvalidData([FieldError("data", "required", "is required: an object with what this step collects")])
        return self.data


# Stores a step; gives where the user stands afterwards, and the data as it may be echoed.
type Save = Callable[[Call, Submission], tuple[Progress, object]]
type Read = Callable[[Call], StepState]


@dataclass(frozen=True)
class StepHandlers:
    """What is particular to one step."""

    step: StepDefinition
    save: Save
    read: Read | None = None
    body_required: bool = True


# By the step's key, the endpoint module whose `STEP` handles it. It is loaded when it is needed: which number means the
# step depends on the flow, and vercel.json knows only numbers.
_MODULES = {
    "api_keys": "api_keys",
    "website": "website_analysis",
    "research": "research_preferences",
    "persona": "persona",
    "integrations": "integrations",
    "finish": "summary",
}


def step_routes(step: StepDefinition) -> list[Route]:
    """The four routes of the number that `step` has in the flow that vercel.json is written for."""
    number = SIX_STEPS.number(step)
    path = f"/api/onboarding/step/{number}"
    return [
        Route("GET", path, lambda call: _read(call, number)),
        Route("POST", f"{path}/complete", lambda call: _complete(call, number)),
        Route("POST", f"{path}/skip", lambda call: _skip(call, call.flow.step(number))),
        Route("GET", f"{path}/validate", lambda call: _validate(call, call.flow.step(number))),
    ]


def step_answer(call: Call, step: StepDefinition, state: StepState) -> dict[str, Any]:
    """The document of `GET …/step/{n}`."""
    draft = state.draft and {"data": state.draft, "saved_at": time_text(state.draft_saved_at)}
    return {
        "step_number": call.flow.number(step),
        "title": step.title,
        "description": step.description,
        "status": state.status,
        "completed_at": time_text(state.completed_at),
        "data": state.data,
        "draft": draft,
        "validation_errors": state.validation_errors,
    }


def log_saved(call: Call, what: str) -> None:
    """The line that operators look for. Call it once the data is committed, never before."""
    _log.info("✅ DATABASE: %s saved to database for user %s", what, call.user.id)


def _handlers(call: Call, number: int) -> StepHandlers:
    module = _MODULES[call.flow.step(number).key]
    handlers: StepHandlers = importlib.import_module(f"lib.http.endpoints.{module}").STEP
    return handlers


def _read(call: Call, number: int) -> dict[str, Any]:
    handlers = _handlers(call, number)
    read = handlers.read or (lambda call: steps.read(call.database, call.user.id, handlers.step))
    return step_answer(call, handlers.step, read(call))


def _complete(call: Call, number: int) -> dict[str, Any]:
    handlers = _handlers(call, number)
    progress, echoed = handlers.save(call, _submission(call.body(required=handlers.body_required)))
    return _saved(call, handlers.step, f"{handlers.step.title} completed.", progress, data=echoed)


def _saved(call: Call, step: StepDefinition, message: str, progress: Progress, **more: object) -> dict[str, Any]:
    in_flow = progress.in_flow(call.flow)
    return {
        "message": message,
        "step_number": call.flow.number(step),
        **more,
        "current_step": in_flow.current_step,
        "completion_percentage": in_flow.completion_percentage,
    }


def _submission(body: dict[str, Any]) -> Submission:
    data, validation_errors = body.get("data"), body.get("validation_errors")
    errors = []
    if data is not None and not isinstance(data, dict):
        errors.append(FieldError("data", "wrong_type", "must be an object"))
    if validation_errors is not None and not isinstance(validation_errors, list):
        errors.append(FieldError("validation_errors", "wrong_type", "must be a list"))
    if errors:
        raise InvalidData(errors)
    return Submission(data, validation_errors or [])


def _skip(call: Call, step: StepDefinition) -> dict[str, Any]:
    note("skip")
    if step.required:
        raise Conflict(f"{step.title} is required and cannot be skipped.")
    progress = steps.skip(call.database, call.user.id, step)
    return _saved(call, step, f"{step.title} skipped.", progress)


def _validate(call: Call, step: StepDefinition) -> dict[str, Any]:
    missing = sessions.load(call.database, call.user.id).in_flow(call.flow).missing_before(step)
    return {
        "can_proceed": not missing,
        "validation_errors": [f"{required.title} has to be completed first." for required in missing],
        "step_status": "locked" if missing else "available",
    }
