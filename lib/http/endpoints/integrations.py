"""Step 5."""

from typing import Any

from lib.db import integrations, steps
from lib.http.app import Call, Route
from lib.http.step_routes import StepHandlers, Submission, log_saved, step_answer, step_routes
from lib.steps.definitions import INTEGRATIONS
from lib.steps.integrations import integration_fields
from lib.steps.progress import Progress


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    if submission.data is None:
        return steps.complete(call.database, call.user.id, INTEGRATIONS, None, submission.validation_errors), {}
    data = submission.data
    progress = integrations.complete_step(
        call.database, call.user.id, data, submission.validation_errors, integration_fields(data)
    )
    log_saved(call, "Integrations")
    return progress, data


def read(call: Call) -> dict[str, Any]:
    """The step, under the function's own path."""
    return step_answer(call, INTEGRATIONS, steps.read(call.database, call.user.id, INTEGRATIONS))


STEP = StepHandlers(INTEGRATIONS, _save_step, body_required=False)

ROUTES = [*step_routes(INTEGRATIONS), Route("GET", "/api/onboarding/integrations", read)]
