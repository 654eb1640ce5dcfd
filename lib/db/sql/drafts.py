"""The statements of `lib.db.drafts`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, literal, null, select, update

from lib.db.drafts import DraftRow, SavedDraft
from lib.db.sql.events import recorded
from lib.db.sql.steps import KEY, NEXT_VERSION, NO_DRAFT, NOW, PAYLOAD, is_finished, is_step
from lib.db.statements import USER, Query, Statement, parameter, upsert, with_members
from lib.db.tables import onboarding_steps, persona_data
from lib.steps.definitions import IN_PROGRESS, PENDING, PERSONA
from lib.steps.limits import MAX_DATA_BYTES

_step = onboarding_steps.c


def _drafted(updated: Mapping[str, ColumnElement[Any]]) -> Statement:
    """The upsert of a step with a draft. A pending step is in progress then."""
    return Statement(
        upsert(
            onboarding_steps,
            ["step_key", "draft"],
            KEY,
            computed={"status": literal(IN_PROGRESS), "draft_saved_at": func.now()},
            untouched=[*PAYLOAD, *NOW],
            updated={"status": case((is_finished, _step.status), else_=IN_PROGRESS), **NEXT_VERSION, **updated},
        )
    )


SAVE = _drafted({})
ADD = _drafted({"draft": with_members(_step.draft, parameter(onboarding_steps, "draft"), MAX_DATA_BYTES)})
# A generated persona is a draft of its own kind, and step 4 stays in progress with it.
_is_held = (_step.step_key == PERSONA.key) & exists().where(persona_data.c.user_id == USER)
DISCARD = Statement(
    update(onboarding_steps)
    .where(is_step, _step.draft.is_not(null()))
    .values(
        status=case(((_step.status == IN_PROGRESS) & ~_is_held, PENDING), else_=_step.status),
        updated_at=func.now(),
        **NEXT_VERSION,
        **NO_DRAFT,
    )
)
EVENT_DISCARDED = recorded(exists().where(is_step, _step.draft.is_not(null())))
_version_and_time = select(_step.version, _step.draft_saved_at).where(is_step)
SAVED = Query(_version_and_time, SavedDraft)
STATE = Query(_version_and_time, DraftRow)
