"""Step 4, and drafts of a persona."""

from typing import TYPE_CHECKING, cast

from lib.db import personas
from lib.errors import NotFound
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.http.step_routes import StepHandlers, Submission, log_saved, step_routes
from lib.steps.definitions import PERSONA
from lib.steps.fields import PERSONA_FIELDS
from lib.steps.limits import refuse_too_large
from lib.steps.progress import Progress

if TYPE_CHECKING:
    from lib.http.answers import LatestPersona, Persona, Success


def latest(call: Call) -> "LatestPersona":
    """The persona saved last, by the step or as a draft."""
    row = personas.read(call.database, call.user.id)
    if row is None:
        raise NotFound("No persona is saved yet.")
    fields = {name: value for name, value in row.items() if name in PERSONA_FIELDS}
    document = {**(row["additional_fields"] or {}), **fields, "timestamp": time_text(row["updated_at"])}
    return {"success": True, "persona": cast("Persona", document)}


def save_draft(call: Call) -> "Success":
    """Keep a persona without finishing step 4."""
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.persona import persona_draft

    body = call.body()
    refuse_too_large("persona", body)
    personas.save_draft(call.database, call.user.id, persona_draft(body))
    log_saved(call, "Persona data")
    return {"success": True}


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    # Here and not above: pydantic is a sixth of a cold start, and reads need none.
    from lib.steps.persona import persona

    data = submission.payload
    progress = personas.complete_step(
        call.database,
        call.user.id,
        data,
        submission.validation_errors,
        persona(data),
        if_match=submission.if_match,
    )
    log_saved(call, "Persona data")
    return progress, data


STEP = StepHandlers(PERSONA, _save_step)

ROUTES = [
    Route("GET", "/api/onboarding/step4/persona-latest", latest),
    Route("GET", "/api/onboarding/persona", latest),
    Route("POST", "/api/onboarding/step4/persona-save", save_draft),
    *step_routes(PERSONA),
]
