"""Drafts of steps: what is typed so far, kept beside what the step holds until it is completed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from lib.db import sessions
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import event_values
from lib.db.guards import version_is, within_quota
from lib.steps.definitions import StepDefinition
from lib.steps.progress import UNTOUCHED, StepState


class SavedDraft(TypedDict):
    """What saving a draft gives back."""

    version: int
    draft_saved_at: datetime


class DraftRow(TypedDict):
    """What discarding a draft gives back."""

    version: int
    draft_saved_at: datetime | None


_SAVE = statement("drafts.SAVE")
_ADD = statement("drafts.ADD")
_DISCARD = statement("drafts.DISCARD")
_EVENT_DISCARDED = statement("drafts.EVENT_DISCARDED")
_SAVED = query("drafts.SAVED", SavedDraft)
_STATE = query("drafts.STATE", DraftRow)


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


def _state(rows: Sequence[DraftRow]) -> StepState:
    return StepState(**rows[0]) if rows else UNTOUCHED
