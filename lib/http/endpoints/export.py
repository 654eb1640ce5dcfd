"""A person's own data, all of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lib.db import export as stored
from lib.db.api_keys import by_provider
from lib.db.export import ExportRow, JsonRow
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.steps.api_keys import masked
from lib.steps.progress import Progress


def export(call: Call) -> dict[str, Any]:
    """Every stored row of the user, keys masked; a key that cannot be decrypted is null."""
    row = stored.read(call.database, call.user.id)
    rows = {name: _in_utc(found) for name, found in row["rows"].items()}
    progress = stored.progress_of(rows).in_flow(call.flow)
    return {
        "user_id": call.user.id,
        "exported_at": time_text(datetime.now(UTC)),
        **rows,
        "session": _session(rows, progress),
        "steps": _steps(rows, progress),
        "api_keys": _keys(call, row, rows),
    }


def _session(rows: Mapping[str, Any], progress: Progress) -> JsonRow | None:
    session = rows["session"]
    if session is None:
        return None
    return {**session, "current_step": progress.current_step, "progress": progress.completion_percentage}


def _steps(rows: Mapping[str, Any], progress: Progress) -> list[JsonRow]:
    numbers = {step.key: number for number, step in progress.flow.numbered()}
    steps = [{"step_number": numbers.get(step["step_key"]), **step} for step in rows["steps"]]
    return sorted(steps, key=lambda step: step["step_number"] or len(numbers) + 1)


def _keys(call: Call, row: ExportRow, rows: Mapping[str, Any]) -> list[JsonRow]:
    sealed = by_provider(row)
    keys = call.key_ring.decrypt_all(call.user.id, sealed) if sealed else {}
    shown = {provider: masked(key) for provider, key in keys.items()}
    return [{**key, "api_key": shown.get(key["provider"])} for key in rows["api_keys"]]


def _in_utc(found: Any) -> Any:
    """A row, a list of rows or null, with every time in UTC."""
    if isinstance(found, list):
        return [_in_utc(row) for row in found]
    if found is None:
        return None
    times = {name: time_text(datetime.fromisoformat(found[name])) for name in stored.TIMES if found.get(name)}
    return {**found, **times}


ROUTES = [Route("GET", "/api/onboarding/export", export)]
