"""The session as a whole: where a user stands, and the moves that no single step makes."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from lib.db import sessions
from lib.errors import NotFound
from lib.http.app import Answer, Call, Route
from lib.http.problems import BadBody
from lib.http.rendering import step_document, step_documents, time_text
from lib.http.request_log import note
from lib.http.validators import fingerprint, known, not_modified, weak_etag
from lib.steps.definitions import API_KEYS, FINISH, STEPS, WEBSITE, StepDefinition
from lib.steps.progress import Progress
from lib.steps.requirements import Requirements, incomplete, requirements

if TYPE_CHECKING:
    from lib.http.answers import (
        Completed,
        Init,
        OnboardingStatus,
        ProgressOfSteps,
        Reset,
        Resume,
        Started,
        StepWithErrors,
    )

# Keys are secret, and finishing collects nothing. An analysis can be megabytes: opening the wizard goes without.
_PROGRESS_DATA = [step for step in STEPS if step not in (API_KEYS, FINISH)]
_INIT_DATA = [step for step in _PROGRESS_DATA if step is not WEBSITE]


def init(call: Call) -> "Answer[Init]":
    """Everything that the wizard needs to open, in one call."""
    return _unless_known(call, _init, _INIT_DATA)


def _init(call: Call, progress: Progress) -> "Init":
    user = call.user
    return {
        "user": {
            "id": user.id,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "clerk_user_id": user.id,
        },
        "onboarding": {
            **_status(progress),
            "last_updated": time_text(progress.updated_at),
            "steps": step_documents(progress),
            "requirements": requirements(progress),
            "version": progress.version,
        },
        "session": {"session_id": user.id, "initialized_at": time_text(datetime.now(UTC))},
    }


def status(call: Call) -> "Answer[OnboardingStatus]":
    """Where the user stands, in short."""
    return _unless_known(call, lambda _, progress: _status(progress))


def missing(call: Call) -> Requirements:
    """What is missing for finishing onboarding."""
    return requirements(_load(call))


def progress(call: Call) -> "ProgressOfSteps":
    """Where the user stands, step by step."""
    state = _load(call, _PROGRESS_DATA)
    documents: list[StepWithErrors] = [
        {**step_document(number, step, state.state(step)), "validation_errors": state.state(step).validation_errors}
        for number, step in call.flow.numbered()
    ]
    return {
        "steps": documents,
        "current_step": state.current_step,
        "total_steps": len(call.flow),
        "progress": state.completion_percentage,
        "completion_percentage": state.completion_percentage,
        "started_at": time_text(state.started_at),
        "last_updated": time_text(state.updated_at),
        "is_completed": state.is_completed,
        "completed_at": time_text(state.completed_at),
    }


def start(call: Call) -> "Started":
    """Make the session if there is none."""
    progress = sessions.start(call.database, call.user.id).in_flow(call.flow)
    return {
        "id": progress.session_id,
        "user_id": call.user.id,
        "current_step": progress.current_step,
        "progress": progress.completion_percentage,
        "started_at": time_text(progress.started_at),
        "message": "Onboarding started.",
    }


def resume(call: Call) -> "Resume":
    """Where to go on."""
    state = _load(call)
    document: Resume = {
        "can_resume": not state.is_completed,
        "resume_step": state.resume_step,
        "current_step": state.current_step,
        "completion_percentage": state.completion_percentage,
        "started_at": time_text(state.started_at),
        "last_updated": time_text(state.updated_at),
    }
    return {**document, "message": "Onboarding is already completed."} if state.is_completed else document


def complete(call: Call) -> "Completed":
    """Finish onboarding. Raises `Incomplete` while a required step or a key is missing."""
    progress = sessions.finish(call.database, call.user.id, call.flow)
    if not progress.is_completed:
        raise incomplete(progress)
    return {
        "message": "Onboarding completed.",
        "completed_at": time_text(progress.completed_at),
        "completion_percentage": 100.0,
        "persona_generated": progress.has_persona,
    }


def reset(call: Call) -> "Reset":
    """Back to the first step; `hard=true` erases everything of this user."""
    if call.flag("hard"):
        note("reset hard")
        sessions.erase(call.database, call.user.id)
        return _beginning(call, "Everything stored for you was erased.")
    sessions.reset(call.database, call.user.id)
    return _beginning(call, "Onboarding starts over; what you entered is kept.")


def unknown_step(call: Call) -> NoReturn:
    """Answer for a step that does not exist."""
    number = call.parameters["number"]
    if not re.fullmatch(r"-?\d+", number, re.ASCII):
        detail = f"The step in the URL has to be a number from 1 to {len(call.flow)}."
        raise BadBody(HTTPStatus.BAD_REQUEST, detail, "bad_request")
    raise NotFound(f"There is no such step: steps are numbered 1 to {len(call.flow)}.")


def _load(call: Call, with_data: Sequence[StepDefinition] = (), known_tags: Collection[str] = ()) -> Progress:
    return sessions.load(call.database, call.user.id, with_data, known_tags).in_flow(call.flow)


def _unless_known[Body](
    call: Call, render: Callable[[Call, Progress], Body], with_data: Sequence[StepDefinition] = ()
) -> Answer[Body]:
    """The progress as `render` shows it; 304 where the caller has that.

    Besides what is stored, the answer shows what the token says of the user, in the numbers of the page's flow.
    """
    caller_knows, suffix = known(call.request), fingerprint(asdict(call.user), [step.key for step in call.flow.steps])
    progress = _load(call, with_data, caller_knows.before(suffix))
    tag = progress.tag + suffix
    if caller_knows.covers(tag):
        return not_modified(weak_etag(tag))
    return Answer(HTTPStatus.OK, render(call, progress), weak_etag(tag))


def _beginning(call: Call, message: str) -> "Reset":
    current_step = Progress(flow=call.flow).current_step
    return {"message": message, "current_step": current_step, "progress": 0.0, "completion_percentage": 0.0}


def _status(state: Progress) -> "OnboardingStatus":
    return {
        "is_completed": state.is_completed,
        "current_step": state.current_step,
        "completion_percentage": state.completion_percentage,
        "next_step": state.next_step,
        "started_at": time_text(state.started_at),
        "completed_at": time_text(state.completed_at),
        "can_proceed_to_final": state.can_proceed_to_final,
    }


ROUTES = [
    Route("GET", "/api/onboarding/init", init),
    Route("GET", "/api/onboarding/session", init),
    Route("GET", "/api/onboarding/status", status),
    Route("GET", "/api/onboarding/progress", progress),
    Route("POST", "/api/onboarding/start", start),
    Route("GET", "/api/onboarding/requirements", missing),
    Route("GET", "/api/onboarding/resume", resume),
    Route("POST", "/api/onboarding/complete", complete),
    Route("POST", "/api/onboarding/reset", reset),
    Route("GET", "/api/onboarding/step/{number}", unknown_step),
    Route("POST", "/api/onboarding/step/{number}/complete", unknown_step),
    Route("POST", "/api/onboarding/step/{number}/skip", unknown_step),
    Route("PUT", "/api/onboarding/step/{number}/draft", unknown_step),
    Route("DELETE", "/api/onboarding/step/{number}/draft", unknown_step),
    Route("GET", "/api/onboarding/step/{number}/validate", unknown_step),
]
