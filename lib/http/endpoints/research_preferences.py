"""Step 3."""

from typing import Any

from lib.db import research_preferences
from lib.db.database import Row
from lib.http.app import Call, Route
from lib.http.rendering import preferences_document
from lib.http.step_routes import Submission, saved_to_database, step_routes


def read(call: Call) -> dict[str, Any] | None:
    """The stored preferences with every field of the payload, or null."""
    row = research_preferences.read(call.database, call.user.id)
    return None if row is None else preferences_document(row)


def _save_step(call: Call, submission: Submission) -> tuple[Row, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.research_preferences import research_preferences as judged

    data = submission.payload
    row = research_preferences.save(call.database, call.user.id, data, submission.validation_errors, judged(data))
    saved_to_database(call, "Research preferences")
    return row, data


ROUTES = [
    Route("GET", "/api/onboarding/research-preferences", read),
    Route("GET", "/api/onboarding/research_preferences", read),
    *step_routes(3, _save_step),
]
