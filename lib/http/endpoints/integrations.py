"""Step 5."""

from dataclasses import asdict

from lib.db import integrations, steps
from lib.db.database import Row
from lib.http.app import Call, Route
from lib.http.step_routes import Submission, saved_to_database, step_routes
from lib.steps.integrations import integrations as taken_apart


def _save_step(call: Call, submission: Submission) -> tuple[Row, object]:
    if submission.data is None:
        return steps.save(call.database, call.user.id, 5, None, submission.validation_errors), {}
    data = submission.data
    row = integrations.save(
        call.database, call.user.id, data, submission.validation_errors, **asdict(taken_apart(data))
    )
    saved_to_database(call, "Integrations")
    return row, data


_STEP = step_routes(5, _save_step, body_required=False)

ROUTES = [*_STEP, Route("GET", "/api/onboarding/integrations", _STEP[0].handler)]
