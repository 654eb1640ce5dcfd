"""The statements of `lib.db.drafts`."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, exists, func, literal, null, select, true, update

from lib.db.drafts import DraftRow, SavedDraft
from lib.db.sql.events import recorded
from lib.db.sql.steps import KEY, NEXT_VERSION, NO_DRAFT, NOW, PAYLOAD, is_finished, is_step
from lib.db.statements import USER, Query, Statement, parameter, upsert, with_members
from lib.db.tables import onboarding_sessions, onboarding_steps, persona_data
from lib.steps.definitions import IN_PROGRESS, PENDING, PERSONA
from lib.steps.limits import MAX_DATA_BYTES

_step = onboarding_steps.c


def _drafted(draft: ColumnElement[Any], source: FromClause = onboarding_sessions) -> Statement:
    """The upsert of a step with a draft. A pending step is in progress then."""
    return Statement(
        upsert(
            onboarding_steps,
            ["step_key"],
            KEY,
            computed={"draft": draft, "status": literal(IN_PROGRESS), "draft_saved_at": func.now()},
            untouched=[*PAYLOAD, *NOW],
            updated={"status": case((is_finished, _step.status), else_=IN_PROGRESS), **NEXT_VERSION},
            source=source,
        )
    )


_draft = parameter(onboarding_steps, "draft")
SAVE = _drafted(_draft)

# The session is locked since the list's first statement, so nobody changes the draft between reading and writing it.
_before, _sent = onboarding_steps.alias("before"), select(_draft.label("members")).subquery("sent")
_is_before = (_before.c.user_id == onboarding_sessions.c.user_id) & (
    _before.c.step_key == parameter(onboarding_steps, "step_key")
)
_members = with_members(_before.c.draft, _sent.c.members, MAX_DATA_BYTES)
ADD = _drafted(
    case((_before.c.step_key.is_(null()), _sent.c.members), else_=_members),
    onboarding_sessions.outerjoin(_before, _is_before).join(_sent, true()),
)
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
