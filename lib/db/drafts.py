"""Drafts of steps: what is typed so far, kept beside what the step holds until it is completed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, FromClause, case, exists, func, literal, null, select, true, update

from lib.db import sessions
from lib.db.database import Database
from lib.db.events import event_values, recorded
from lib.db.guards import version_is, within_quota
from lib.db.statements import USER, Query, Statement, parameter, upsert, with_members
from lib.db.steps import KEY, NEXT_VERSION, NO_DRAFT, NOW, PAYLOAD, is_finished, is_step
from lib.db.tables import onboarding_sessions, onboarding_steps, persona_data
from lib.steps.definitions import IN_PROGRESS, PENDING, PERSONA, StepDefinition
from lib.steps.limits import MAX_DATA_BYTES
from lib.steps.progress import UNTOUCHED, StepState

_step = onboarding_steps.c


class SavedDraft(TypedDict):
    """What saving a draft gives back."""

    version: int
    draft_saved_at: datetime


class _DraftRow(TypedDict):
    """What discarding a draft gives back."""

    version: int
    draft_saved_at: datetime | None


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
_SAVE = _drafted(_draft)

# The session is locked since the list's first statement, so nobody changes the draft between reading and writing it.
_before, _sent = onboarding_steps.alias("before"), select(_draft.label("members")).subquery("sent")
_is_before = (_before.c.user_id == onboarding_sessions.c.user_id) & (
    _before.c.step_key == parameter(onboarding_steps, "step_key")
)
_members = with_members(_before.c.draft, _sent.c.members, MAX_DATA_BYTES)
_ADD = _drafted(
    case((_before.c.step_key.is_(null()), _sent.c.members), else_=_members),
    onboarding_sessions.outerjoin(_before, _is_before).join(_sent, true()),
)
# A generated persona is a draft of its own kind, and step 4 stays in progress with it.
_is_held = (_step.step_key == PERSONA.key) & exists().where(persona_data.c.user_id == USER)
_DISCARD = Statement(
    update(onboarding_steps)
    .where(is_step, _step.draft.is_not(null()))
    .values(
        status=case(((_step.status == IN_PROGRESS) & ~_is_held, PENDING), else_=_step.status),
        updated_at=func.now(),
        **NEXT_VERSION,
        **NO_DRAFT,
    )
)
_EVENT_DISCARDED = recorded(exists().where(is_step, _step.draft.is_not(null())))
_version_and_time = select(_step.version, _step.draft_saved_at).where(is_step)
_SAVED = Query(_version_and_time, SavedDraft)
_STATE = Query(_version_and_time, _DraftRow)


def add(database: Database, user_id: str, step: StepDefinition, members: Mapping[str, object]) -> None:
    """Put `members` into the step's draft, beside those that it has: the largest are left out if not all fit."""
    database.write(user_id, [*sessions.ensured(), _ADD(step_key=step.key, draft=members), within_quota()])


def save(
    database: Database, user_id: str, step: StepDefinition, data: object, *, if_match: Collection[int] | None
) -> SavedDraft:
    """Keep a draft in place of the one before. Gives its time and the step's version. Raises `VersionMismatch`."""
    saved = _SAVE(step_key=step.key, draft=data)
    statements = [*sessions.ensured(), *version_is(step, if_match), saved, within_quota()]
    return database.write_and_read(user_id, statements, _SAVED(step_key=step.key))[0]


def discard(database: Database, user_id: str, step: StepDefinition, *, if_match: Collection[int] | None) -> StepState:
    """Remove a step's draft, if there is one. Gives the step's version. Raises `VersionMismatch`."""
    event = _EVENT_DISCARDED(step_key=step.key, **event_values("step.draft_discarded", step))
    statements = [*sessions.changed(), *version_is(step, if_match), event, _DISCARD(step_key=step.key)]
    return _state(database.write_and_read(user_id, statements, _STATE(step_key=step.key)))


def _state(rows: Sequence[_DraftRow]) -> StepState:
    return StepState(**rows[0]) if rows else UNTOUCHED
