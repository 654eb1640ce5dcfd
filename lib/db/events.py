"""What happened to a user's onboarding, written by the transaction that does it: history tells nothing that did not.

An event is one more statement in the list of a write. It is written where its condition holds, and once even where the
list is run again after a lost connection. A trigger in the database keeps the newest of a user (`MAX_EVENTS`).
"""

import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.json_text import dumps
from lib.steps.definitions import StepDefinition
from lib.steps.events import EventKind


def event_values(kind: EventKind, step: StepDefinition | None = None, **detail: object) -> Mapping[str, object]:
    """The values of an event. Its details hold names and counts, never values."""
    step_key = step.key if step else None
    # Two events of one list differ in what they tell.
    salt = zlib.crc32(f"{kind} {step_key} {dumps(detail)}".encode())
    return {"kind": kind, "event_step": step_key, "detail": detail or None, "event_salt": salt}


def happened(kind: EventKind, step: StepDefinition | None = None, **detail: object) -> Bound[Any]:
    """The event of what a list of statements does whenever it gets so far."""
    return _HAPPENED(**event_values(kind, step, **detail))


def onboarding_completed() -> Bound[Any]:
    """The event of onboarding that this transaction finished; none where it was finished before."""
    return _COMPLETED(**event_values("onboarding.completed"))


def step_finished(step: StepDefinition) -> Bound[Any]:
    """The event of a step that this transaction finished; none where it was finished before."""
    return _FINISHED(step_key=step.key, **event_values("step.completed", step))


class EventRow(TypedDict):
    """An event as it is stored."""

    id: int
    at: datetime
    kind: EventKind
    step_key: str | None
    request_id: str | None
    detail: dict[str, Any] | None


_HAPPENED = statement("events.HAPPENED")
_COMPLETED = statement("events.COMPLETED")
_FINISHED = statement("events.FINISHED")
_READ = query("events.READ", EventRow)


def read(database: Database, user_id: str, most: int, before: int | None) -> list[EventRow]:
    """The newest events, `most` at most; with the id of an event those before it, none where it is gone by now."""
    return database.read(user_id, _READ(most=most, before=before))
