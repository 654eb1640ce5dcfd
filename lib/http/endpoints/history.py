"""What happened to the user's onboarding, newest first."""

from typing import TYPE_CHECKING

from lib.db import events
from lib.db.events import EventRow
from lib.http.app import Call, Route
from lib.http.rendering import time_text

if TYPE_CHECKING:
    from lib.http.answers import Event, History

DEFAULT_LIMIT = 50
MOST = 100


def history(call: Call) -> "History":
    """A page of events; `next` is what `before` has to be for the one after it, null on the last."""
    most = call.number("limit", least=1, most=MOST) or DEFAULT_LIMIT
    before = call.number("before", least=1, most=2**63 - 1)
    found = events.read(call.database, call.user.id, most + 1, before)
    numbers = {step.key: number for number, step in call.flow.numbered()}
    shown = found[:most]
    return {
        "events": [_document(row, numbers) for row in shown],
        "next": shown[-1]["id"] if len(found) > most else None,
    }


def _document(row: EventRow, numbers: dict[str, int]) -> "Event":
    """An event. A step that the page's flow does not have has no number."""
    return {
        "id": row["id"],
        "at": time_text(row["at"]),
        "kind": row["kind"],
        "step_number": numbers.get(row["step_key"] or ""),
        "request_id": row["request_id"],
        "detail": row["detail"] or {},
    }


ROUTES = [Route("GET", "/api/onboarding/history", history)]
