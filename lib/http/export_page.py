"""The pages in which a person's own data are given out."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from lib.db import export as stored
from lib.db.api_keys import by_provider
from lib.db.export import ExportedRow, ExportPage, JsonRow
from lib.http.app import Call
from lib.http.problems import BadBody
from lib.http.rendering import time_text
from lib.steps.api_keys import masked
from lib.steps.progress import Progress

if TYPE_CHECKING:
    from lib.http.answers import Export

MAX_CURSOR_CHARACTERS = 1000

# Where a row that is too large for a page can be had whole.
_WHOLE_AT = {
    "steps": "/api/onboarding/step/{step_number}",
    "website_analyses": "/api/onboarding/style-detection/analysis/{id}",
    "research_preferences": "/api/onboarding/research-preferences",
    "persona": "/api/onboarding/step4/persona-latest",
}


def export_page(call: Call) -> "Export":
    """The page that the request asks for."""
    page = stored.read(call.database, call.user.id, _cursor(call))
    rows = stored.by_name((found["name"], _shown(call, page, found)) for found in page["rows"])
    document = {
        "user_id": call.user.id,
        "exported_at": time_text(datetime.now(UTC)),
        **rows,
        "steps": sorted(rows["steps"], key=lambda step: step["step_number"] or len(call.flow) + 1),
        "next": _next(page),
    }
    # The tables give the other names: a new table is in the export without a line here.
    return cast("Export", document)


def _cursor(call: Call) -> tuple[str, str] | None:
    """The table and key after which the page begins. Raises `BadBody` for what no answer said as `next`."""
    sent = call.request.get_param("after")
    if not sent:
        return None
    try:
        if len(sent) > MAX_CURSOR_CHARACTERS:
            raise ValueError
        name, key = json.loads(urlsafe_b64decode(sent + "=" * (-len(sent) % 4)))
        if name not in stored.NAMES.values() or not isinstance(key, str) or not key.isprintable():
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        detail = "The parameter after has to be the value of next in an earlier answer."
        raise BadBody(HTTPStatus.BAD_REQUEST, detail, "bad_request") from None
    return name, key


def _next(page: ExportPage) -> str | None:
    if page["found"] == len(page["rows"]):
        return None
    last = page["rows"][-1]
    return urlsafe_b64encode(json.dumps([last["name"], last["key"]]).encode()).decode().rstrip("=")


def _shown(call: Call, page: ExportPage, found: ExportedRow) -> JsonRow:
    """A row as the export shows it."""
    row = {name: value for name, value in found["row"].items() if name != stored.KEY}
    row |= {name: time_text(datetime.fromisoformat(row[name])) for name in stored.TIMES if row.get(name)}
    row |= _derived(call, page, found["name"], row)
    if not found["too_large"]:
        return row
    whole_at = _WHOLE_AT.get(found["name"])
    return {**row, "data_too_large": True, "whole_at": whole_at and whole_at.format(**row)}


def _derived(call: Call, page: ExportPage, name: str, row: Mapping[str, Any]) -> JsonRow:
    """What callers know a step, the session and a key by."""
    if name == "steps":
        numbers = {step.key: number for number, step in call.flow.numbered()}
        return {"step_number": numbers.get(row["step_key"])}
    if name == "session":
        progress: Progress = stored.progress_of(row, page["statuses"]).in_flow(call.flow)
        return {"current_step": progress.current_step, "progress": progress.completion_percentage}
    if name == "api_keys":
        sealed = {provider: key for provider, key in by_provider(page).items() if provider == row["provider"]}
        keys = call.key_ring.decrypt_all(call.user.id, sealed) if sealed else {}
        return {"api_key": next(map(masked, keys.values()), None)}
    return {}
