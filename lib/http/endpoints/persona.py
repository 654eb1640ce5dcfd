"""Step 4, and drafts of a persona."""

from typing import Any

from lib.db import personas
from lib.db.database import Row
from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.http.step_routes import Submission, saved_to_database, step_routes


def latest(call: Call) -> dict[str, Any]:
    """The persona saved last, by the step or as a draft."""
    row = personas.read(call.database, call.user.id)
    if row is None:
        raise NotFound("No persona is saved yet.")
    fields = {name: row[name] for name in personas.COLUMNS}
    document = {**(row["additional_fields"] or {}), **fields, "timestamp": time_text(row["updated_at"])}
    return {"success": True, "persona": document}


def save_draft(call: Call) -> dict[str, Any]:
    """Keep a persona without finishing step 4."""
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.persona import persona_draft

    personas.save_draft(call.database, call.user.id, persona_draft(call.body()))
    saved_to_database(call, "Persona data")
    return {"success": True}


def _save_step(call: Call, submission: Submission) -> tuple[Row, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.persona import persona

    data = submission.payload
    row = personas.save(call.database, call.user.id, data, submission.validation_errors, persona(data))
    saved_to_database(call, "Persona data")
    return row, data


ROUTES = [
    Route("GET", "/api/onboarding/step4/persona-latest", latest),
    Route("GET", "/api/onboarding/persona", latest),
    Route("POST", "/api/onboarding/step4/persona-save", save_draft),
    *step_routes(4, _save_step),
]
