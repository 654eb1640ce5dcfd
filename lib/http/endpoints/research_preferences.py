"""Step 3."""

from typing import TYPE_CHECKING

from lib.db import research_preferences
from lib.http.app import Call, Route
from lib.http.rendering import preferences_document
from lib.http.step_routes import StepHandlers, Submission, log_saved, step_routes
from lib.steps.definitions import RESEARCH
from lib.steps.progress import Progress

if TYPE_CHECKING:
    from lib.http.answers import ResearchPreferences


def read(call: Call) -> "ResearchPreferences | None":
    """The stored preferences with every field of the payload, or null."""
    row = research_preferences.read(call.database, call.user.id)
    return None if row is None else preferences_document(row)


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.research_preferences import preference_fields

    data = submission.payload
    progress = research_preferences.complete_step(
        call.database,
        call.user.id,
        data,
        submission.validation_errors,
        preference_fields(data),
        if_match=submission.if_match,
    )
    log_saved(call, "Research preferences")
    return progress, data


STEP = StepHandlers(RESEARCH, _save_step)

ROUTES = [
    Route("GET", "/api/onboarding/research-preferences", read),
    Route("GET", "/api/onboarding/research_preferences", read),
    *step_routes(RESEARCH),
]
