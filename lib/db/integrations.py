"""Step 5's table: what operators ask for of the integrations; the payload itself stays with the step."""

from collections.abc import Collection

from lib.db import steps
from lib.db.compiled import statement
from lib.db.database import Database
from lib.steps.definitions import INTEGRATIONS
from lib.steps.fields import IntegrationFields
from lib.steps.progress import Progress

_SAVE = statement("integrations.SAVE")


def complete_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    integrations: IntegrationFields,
    *,
    if_match: Collection[int] | None,
) -> Progress:
    """Complete step 5."""
    return steps.complete(
        database, user_id, INTEGRATIONS, data, validation_errors, [_SAVE(**integrations)], if_match=if_match
    )
