"""A person's own data, all of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lib.db import export as stored
from lib.db.api_keys import by_provider
from lib.db.export import ExportRow
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.steps.api_keys import masked
from lib.steps.progress import Progress, StepState

_TIMES = ("started_at", "created_at", "updated_at", "completed_at", "analysis_date")


def export(call: Call) -> dict[str, Any]:
    """Every stored row of the user, keys masked; a key that cannot be decrypted is null."""
    row = stored.read(call.database, call.user.id)
    progress = _progress(row)
    return {
        "user_id": call.user.id,
        "exported_at": time_text(datetime.now(UTC)),
        "session": _session(row, progress),
        "steps": _steps(row, progress),
        "api_keys": _keys(call, row),
        "website_analyses": _documents(row["website_analyses"]),
        "research_preferences": _document(row["research_preferences"]),
        "persona": _document(row["persona"]),
        "integrations": _document(row["integrations"]),
    }


def _progress(row: ExportRow) -> Progress:
    session = row["session"] or {}
    return Progress(
        furthest_step=session.get("furthest_step"),
        completed_at=session.get("completed_at"),
        steps={step["step_key"]: StepState(status=step["status"]) for step in row["steps"] or ()},
    )


def _session(row: ExportRow, progress: Progress) -> dict[str, Any] | None:
    document = _document(row["session"])
    if document is None:
        return None
    return {
        **document,
        "current_step": progress.current_step,
        "progress": progress.completion_percentage,
    }


def _steps(row: ExportRow, progress: Progress) -> list[dict[str, Any]]:
    numbers = {step.key: number for number, step in progress.flow.numbered()}
    documents = [{"step_number": numbers.get(step["step_key"]), **step} for step in _documents(row["steps"])]
    return sorted(documents, key=lambda step: step["step_number"] or len(numbers) + 1)


def _keys(call: Call, row: ExportRow) -> list[dict[str, Any]]:
    documents, sealed = _documents(row["api_keys"]), by_provider(row)
    keys = call.key_ring.decrypt_all(call.user.id, sealed) if sealed else {}
    shown = {provider: masked(key) for provider, key in keys.items()}
    return [{**document, "api_key": shown.get(document["provider"])} for document in documents]


def _documents(rows: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    return [_in_utc(row) for row in rows or ()]


def _document(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else _in_utc(row)


def _in_utc(row: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: time_text(datetime.fromisoformat(row[name])) for name in _TIMES if row.get(name)}
    return {**row, **times}


ROUTES = [Route("GET", "/api/onboarding/export", export)]
