"""The routes that every step has: reading it, completing it, skipping it, its draft, and whether it is open."""

import importlib
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lib.db import drafts, sessions, steps
from lib.errors import Conflict, FieldError, InvalidData, VersionMismatch
from lib.http.app import Answer, Call, Route
from lib.http.rendering import time_text
from lib.http.request_log import note
from lib.http.validators import etag_of_version, expected_versions, known, not_modified
from lib.steps.definitions import SIX_STEPS, StepDefinition
from lib.steps.drafts import draft_data
from lib.steps.limits import MAX_NOTES_BYTES, refuse_too_large
from lib.steps.progress import Progress, StepState
from lib.steps.unread_fields import unread_fields

if TYPE_CHECKING:
    from lib.http.answers import DraftSaved, Step, StepCompleted, StepOpen, StepSkipped

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """The body of `POST …/step/{n}/complete`. `data` is None where none was sent.

    `if_match` holds the versions that the step may have for it to be stored; None takes any.
    """

    data: dict[str, Any] | None
    validation_errors: list[Any]
    if_match: Sequence[int] | None = None

    @property
    def payload(self) -> dict[str, Any]:
        """The data of a step that needs some. Raises `InvalidData` where there is none."""
        if self.data is None:
            raise InvalidData([FieldError("data", "required", "is required: an object with what this step collects")])
        return self.data


# Stores a step; gives where the user stands afterwards, and the data as it may be echoed.
type Save = Callable[[Call, Submission], tuple[Progress, object]]
# Reads a step; without its payload where its version is among those that the caller knows.
type Read = Callable[[Call, Collection[int]], StepState]


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
    """The routes of the number that `step` has in the flow that vercel.json is written for."""
    number = SIX_STEPS.number(step)
    path = f"/api/onboarding/step/{number}"
    return [
        Route("GET", path, partial(_read, number=number)),
        Route("POST", f"{path}/complete", partial(_complete, number=number)),
        Route("POST", f"{path}/skip", partial(_skip, number=number)),
        Route("PUT", f"{path}/draft", partial(_save_draft, number=number)),
        Route("DELETE", f"{path}/draft", partial(_discard_draft, number=number)),
        Route("GET", f"{path}/validate", partial(_validate, number=number)),
    ]


def step_answer(call: Call, step: StepDefinition, state: StepState) -> "Step":
    """The document of `GET …/step/{n}`."""
    return {
        "step_number": call.flow.number(step),
        "title": step.title,
        "description": step.description,
        "status": state.status,
        "completed_at": time_text(state.completed_at),
        "data": state.data,
        "draft": None if state.draft is None else {"data": state.draft, "saved_at": time_text(state.draft_saved_at)},
        "validation_errors": state.validation_errors,
        "version": state.version,
    }


def log_saved(call: Call, what: str) -> None:
    """The line that operators look for. Call it once the data is committed, never before."""
    _log.info("✅ DATABASE: %s saved to database for user %s", what, call.user.id)


def _handlers(call: Call, number: int) -> StepHandlers:
    module = _MODULES[call.flow.step(number).key]
    handlers: StepHandlers = importlib.import_module(f"lib.http.endpoints.{module}").STEP
    return handlers


def read_step(call: Call, handlers: StepHandlers) -> "Answer[Step]":
    """What `GET …/step/{n}` answers: 304 where the caller has this version."""
    caller_knows = known(call.request)
    state = _state(call, handlers, caller_knows.versions())
    etag = etag_of_version(state.version)
    if caller_knows.covers(str(state.version)):
        return not_modified(etag)
    return Answer(HTTPStatus.OK, step_answer(call, handlers.step, state), etag)


def _state(call: Call, handlers: StepHandlers, known_versions: Collection[int] = ()) -> StepState:
    if handlers.read:
        return handlers.read(call, known_versions)
    return steps.read(call.database, call.user.id, handlers.step, known_versions)


def _read(call: Call, number: int) -> "Answer[Step]":
    """Read a step with all that it holds."""
    return read_step(call, _handlers(call, number))


def _complete(call: Call, number: int) -> "Answer[StepCompleted]":
    """Store a step and mark it as completed."""
    handlers = _handlers(call, number)
    submission = _submission(call.body(required=handlers.body_required), expected_versions(call.request))
    with _current_state(call, handlers):
        progress, echoed = handlers.save(call, submission)
    saved = _saved(call, handlers.step, "completed", progress)
    warnings = unread_fields(handlers.step, saved["step_number"], submission.data or {})
    document: StepCompleted = {
        **saved,
        "data": echoed,
        "warnings": [{"field": one.field, "code": one.code, "message": one.message} for one in warnings],
    }
    return Answer(HTTPStatus.OK, document, etag_of_version(saved["version"]))


def _saved(call: Call, step: StepDefinition, how: str, progress: Progress) -> "StepSkipped":
    in_flow = progress.in_flow(call.flow)
    return {
        "message": f"{step.title} {how}.",
        "step_number": call.flow.number(step),
        "version": progress.state(step).version,
        "current_step": in_flow.current_step,
        "completion_percentage": in_flow.completion_percentage,
    }


@contextmanager
def _current_state(call: Call, handlers: StepHandlers) -> Iterator[None]:
    """Show the step as it is stored to whom a conditional write is refused."""
    try:
        yield
    except VersionMismatch:
        state = _state(call, handlers)
        raise VersionMismatch(state.version, step_answer(call, handlers.step, state)) from None


def _submission(body: dict[str, Any], if_match: Sequence[int] | None) -> Submission:
    data, validation_errors = body.get("data"), body.get("validation_errors")
    errors = []
    if data is not None and not isinstance(data, dict):
        errors.append(FieldError("data", "wrong_type", "must be an object"))
    if validation_errors is not None and not isinstance(validation_errors, list):
        errors.append(FieldError("validation_errors", "wrong_type", "must be a list"))
    if errors:
        raise InvalidData(errors)
    refuse_too_large("data", data)
    refuse_too_large("validation_errors", validation_errors, MAX_NOTES_BYTES)
    return Submission(data, validation_errors or [], if_match)


def _skip(call: Call, number: int) -> "Answer[StepSkipped]":
    """Skip an optional step."""
    note("skip")
    handlers = _handlers(call, number)
    step = handlers.step
    if step.required:
        raise Conflict(f"{step.title} is required and cannot be skipped.")
    with _current_state(call, handlers):
        progress = steps.skip(call.database, call.user.id, step, if_match=expected_versions(call.request))
    saved = _saved(call, step, "skipped", progress)
    return Answer(HTTPStatus.OK, saved, etag_of_version(saved["version"]))


def _save_draft(call: Call, number: int) -> "Answer[DraftSaved]":
    """Keep what is being typed into a step, until the step is completed."""
    handlers, user_id = _handlers(call, number), call.user.id
    data, if_match = _draft(call, handlers.step), expected_versions(call.request)
    with _current_state(call, handlers):
        saved = drafts.save(call.database, user_id, handlers.step, data, if_match=if_match)
    log_saved(call, f"Draft of {handlers.step.title}")
    document: DraftSaved = {
        "step_number": call.flow.number(handlers.step),
        "version": saved["version"],
        "saved_at": time_text(saved["draft_saved_at"]),
    }
    return Answer(HTTPStatus.OK, document, etag_of_version(saved["version"]))


def _draft(call: Call, step: StepDefinition) -> object:
    return draft_data(step, _submission(call.body(), None).payload)


def _discard_draft(call: Call, number: int) -> Answer[None]:
    """Discard a step's draft, whether there is one or not."""
    handlers, if_match = _handlers(call, number), expected_versions(call.request)
    with _current_state(call, handlers):
        state = drafts.discard(call.database, call.user.id, handlers.step, if_match=if_match)
    return Answer(HTTPStatus.NO_CONTENT, headers=etag_of_version(state.version))


def _validate(call: Call, number: int) -> "StepOpen":
    """Whether the user may open a step."""
    step = call.flow.step(number)
    missing = sessions.load(call.database, call.user.id).in_flow(call.flow).missing_before(step)
    return {
        "can_proceed": not missing,
        "validation_errors": [f"{required.title} has to be completed first." for required in missing],
        "step_status": "locked" if missing else "available",
    }
