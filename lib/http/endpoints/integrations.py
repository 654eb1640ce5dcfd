"""Step 5."""

from lib.db import integrations, steps
from lib.http.app import Call, Route
from lib.http.step_routes import Submission, log_saved, step_routes
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


_STEP = step_routes(INTEGRATIONS, _save_step, body_required=False)

ROUTES = [*_STEP, Route("GET", "/api/onboarding/integrations", _STEP[0].handler)]
