"""A person's own data, all of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lib.db import export as stored
from lib.db.database import Row
from lib.http.app import Call, Route
from lib.http.rendering import time_text
from lib.steps.api_keys import masked

_TIMES = ("started_at", "created_at", "updated_at", "completed_at", "analysis_date")


def export(call: Call) -> dict[str, Any]:
    """Every stored row of the user, keys masked; a key that cannot be decrypted is null."""
    row = stored.read(call.database, call.user.id)
    return {
        "user_id": call.user.id,
        "exported_at": time_text(datetime.now(UTC)),
        "session": _document(row["session"]),
        "steps": _documents(row["steps"]),
        "api_keys": _keys(call, row),
        "website_analyses": _documents(row["website_analyses"]),
        "research_preferences": _document(row["research_preferences"]),
        "persona": _document(row["persona"]),
        "integrations": _document(row["integrations"]),
    }


def _keys(call: Call, row: Row) -> list[dict[str, Any]]:
    documents = _documents(row["api_keys"])
    sealed = dict(zip((document["provider"] for document in documents), row["encrypted_keys"], strict=True))
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
