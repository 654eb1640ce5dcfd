"""Step 5."""

from typing import TYPE_CHECKING

from lib.db import integrations, steps
from lib.http.app import Answer, Call, Route
from lib.http.step_routes import StepHandlers, Submission, log_saved, read_step, step_routes
from lib.steps.definitions import INTEGRATIONS
from lib.steps.integrations import integration_fields
from lib.steps.progress import Progress

if TYPE_CHECKING:
    from lib.http.answers import Step


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    if submission.data is None:
        progress = steps.complete(
            call.database,
            call.user.id,
            INTEGRATIONS,
            None,
            submission.validation_errors,
            if_match=submission.if_match,
        )
        return progress, {}
    data = submission.data
    progress = integrations.complete_step(
        call.database,
        call.user.id,
        data,
        submission.validation_errors,
        integration_fields(data),
        if_match=submission.if_match,
    )
    log_saved(call, "Integrations")
    return progress, data


def read(call: Call) -> "Answer[Step]":
    """The step, under the function's own path."""
    return read_step(call, STEP)


STEP = StepHandlers(INTEGRATIONS, _save_step, body_required=False)

ROUTES = [*step_routes(INTEGRATIONS), Route("GET", "/api/onboarding/integrations", read)]
