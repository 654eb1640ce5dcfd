"""The session as a whole: where a user stands, and the moves that no single step makes."""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from lib.db import sessions
from lib.errors import Conflict, NotFound
from lib.http.app import Call, Route
from lib.http.endpoints import export
from lib.http.problems import BadBody
from lib.http.rendering import progress_of, step_documents, time_text
from lib.steps.definitions import FINAL_STEP, REQUIRED_BEFORE_FINAL, STEPS
from lib.steps.progress import Progress, titles

_INIT_DATA = (3, 4, 5)
_PROGRESS_DATA = (2, 3, 4, 5)


def init(call: Call) -> dict[str, Any]:
    """Everything that the wizard needs to open, in one call."""
    progress = _load(call, _INIT_DATA)
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
        },
        "session": {"session_id": user.id, "initialized_at": time_text(datetime.now(UTC))},
    }


def status(call: Call) -> dict[str, Any]:
    """Where the user stands, in short."""
    return _status(_load(call))


def progress(call: Call) -> dict[str, Any]:
    """Where the user stands, step by step."""
    state = _load(call, _PROGRESS_DATA)
    documents = [
        {**document, "validation_errors": state.step(document["step_number"]).validation_errors}
        for document in step_documents(state)
    ]
    return {
        "steps": documents,
        "current_step": state.current_step,
        "total_steps": len(STEPS),
        "progress": state.progress,
        "completion_percentage": state.progress,
        "started_at": time_text(state.started_at),
        "last_updated": time_text(state.updated_at),
        "is_completed": state.is_completed,
        "completed_at": time_text(state.completed_at),
    }


def start(call: Call) -> dict[str, Any]:
    """Make the session if there is none."""
    row = sessions.start(call.database, call.user.id)
    return {
        "id": row["id"],
        "user_id": call.user.id,
        "current_step": row["current_step"],
        "progress": row["progress"],
        "started_at": time_text(row["started_at"]),
        "message": "Onboarding started.",
    }


def resume(call: Call) -> dict[str, Any]:
    """Where to go on."""
    state = _load(call)
    document = {
        "can_resume": not state.is_completed,
        "resume_step": state.next_step or FINAL_STEP,
        "current_step": state.current_step,
        "completion_percentage": state.progress,
        "started_at": time_text(state.started_at),
        "last_updated": time_text(state.updated_at),
    }
    return {**document, "message": "Onboarding is already completed."} if state.is_completed else document


def complete(call: Call) -> dict[str, Any]:
    """Finish onboarding. Raises `Conflict` while a required step or a key is missing."""
    row = sessions.finish(call.database, call.user.id, REQUIRED_BEFORE_FINAL)
    if row["completed_at"] is None:
        raise Conflict(_what_is_missing(row["finished"]))
    return {
        "message": "Onboarding completed.",
        "completed_at": time_text(row["completed_at"]),
        "completion_percentage": 100.0,
        "persona_generated": row["has_persona"],
    }


def reset(call: Call) -> dict[str, Any]:
    """Back to step 1; `hard=true` erases everything of this user."""
    if call.flag("hard"):
        sessions.erase(call.database, call.user.id)
        return {"message": "Everything stored for you was erased.", **_BEGINNING}
    sessions.reset(call.database, call.user.id)
    return {"message": "Onboarding starts over; what you entered is kept.", **_BEGINNING}


def unknown_step(call: Call) -> object:
    """A step's address that no step answers."""
    number = call.parameters["number"]
    if not re.fullmatch(r"-?\d+", number, re.ASCII):
        raise BadBody(HTTPStatus.BAD_REQUEST, "The step in the address has to be a number from 1 to 6.")
    raise NotFound("There is no such step: steps have the numbers 1 to 6.")


_BEGINNING = {"current_step": 1, "progress": 0.0, "completion_percentage": 0.0}


def _load(call: Call, with_data: tuple[int, ...] = ()) -> Progress:
    return progress_of(sessions.load(call.database, call.user.id, with_data))


def _status(state: Progress) -> dict[str, Any]:
    return {
        "is_completed": state.is_completed,
        "current_step": state.current_step,
        "completion_percentage": state.progress,
        "next_step": state.next_step,
        "started_at": time_text(state.started_at),
        "completed_at": time_text(state.completed_at),
        "can_proceed_to_final": state.can_proceed_to_final,
    }


def _what_is_missing(finished: list[int]) -> str:
    missing = [number for number in REQUIRED_BEFORE_FINAL if number not in finished]
    if missing:
        return f"Onboarding cannot be completed yet. Still missing: {titles(missing)}."
    return "Onboarding cannot be completed yet. Add at least one API key in AI LLM Providers first."


ROUTES = [
    Route("GET", "/api/onboarding/init", init),
    Route("GET", "/api/onboarding/session", init),
    Route("GET", "/api/onboarding/status", status),
    Route("GET", "/api/onboarding/progress", progress),
    Route("POST", "/api/onboarding/start", start),
    Route("GET", "/api/onboarding/resume", resume),
    Route("POST", "/api/onboarding/complete", complete),
    Route("POST", "/api/onboarding/reset", reset),
    *export.ROUTES,
    Route("GET", "/api/onboarding/step/{number}", unknown_step),
    Route("POST", "/api/onboarding/step/{number}/complete", unknown_step),
    Route("POST", "/api/onboarding/step/{number}/skip", unknown_step),
    Route("GET", "/api/onboarding/step/{number}/validate", unknown_step),
]
