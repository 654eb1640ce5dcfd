"""What the database holds of a user, for an operator: described, never shown whole."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lib.config import Settings
from lib.db import export
from lib.db.api_keys import by_provider
from lib.db.database import Database
from lib.db.encryption import KeyRing
from lib.db.engine import build_pool
from lib.db.export import Export
from lib.db.operators import Connection, PostgresURL, take_role
from lib.db.schema import EXPECTED_REVISION
from lib.db.tables import metadata
from lib.errors import Unavailable
from lib.steps.api_keys import masked
from lib.steps.definitions import API_KEYS, INTEGRATIONS, PERSONA, RESEARCH, WEBSITE, StepDefinition
from lib.steps.progress import UNTOUCHED, Progress

Described = dict[str, Any]

_ROWS_OF_STEP = {
    API_KEYS.key: "api_keys",
    WEBSITE.key: "website_analyses",
    RESEARCH.key: "research_preferences",
    PERSONA.key: "persona",
    INTEGRATIONS.key: "integrations",
}
_BOOKKEEPING = frozenset({"id", "user_id", "session_id"})
_SHOWN_AS_THEY_ARE = frozenset(
    {"provider", "website_url", "status", "research_depth", "auto_research", "factual_content", "primary_website"}
)


def schema(connection: Connection) -> Described:
    """Describe the schema: its revision, the one that the code expects, and which tables are there."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    names = {name for (name,) in found}
    revision = None
    if "alembic_version" in names:
        row = connection.execute("SELECT max(version_num) FROM alembic_version").fetchone()
        revision = row[0] if row else None
    tables = {name: name in names for name in sorted(metadata.tables)}
    return {"revision": revision, "expected_revision": EXPECTED_REVISION, "tables": tables}


def is_complete(described: Described) -> bool:
    """Whether all tables are there, at the expected revision or a later one."""
    return all(described["tables"].values()) and (described["revision"] or "") >= EXPECTED_REVISION


def counts(connection: Connection) -> Described:
    """Count the rows of every table, as the operator's role, which row-level security lets read all."""
    take_role(connection, "onboarding_operator")
    rows = {}
    for name in sorted(metadata.tables):
        row = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()  # noqa: S608 - our own tables
        rows[name] = row[0] if row else 0
    finished = connection.execute("SELECT count(*) FROM onboarding_sessions WHERE completed_at IS NOT NULL").fetchone()
    return {"rows": rows, "completed_users": finished[0] if finished else 0}


def user(connection: Connection, url: PostgresURL, user_id: str) -> Described | None:
    """Describe all that is stored of a user; None for one who is not known."""
    take_role(connection, "onboarding_app")
    database = Database(build_pool(url.conninfo))
    try:
        found = export.read_all(database, user_id)
    finally:
        database.close()
    rows = found["rows"]
    session = rows["session"]
    if session is None:
        return None
    states = {step["step_key"]: step for step in rows["steps"]}
    progress = export.progress_of(session, found["statuses"])
    steps = [_step(number, step, states.get(step.key), found, user_id) for number, step in progress.flow.numbered()]
    missing = _missing(progress, bool(rows["api_keys"]))
    return {
        "user_id": user_id,
        "session": _session(session, progress),
        "steps": steps,
        "missing": missing,
        "complete": not missing,
    }


def erased_at(connection: Connection, user_id: str) -> datetime | None:
    """When a user's account was erased; None where it was not. What is kept of such an account is a hash of its id."""
    connection.execute("SELECT set_config('role', 'none', true)")
    take_role(connection, "onboarding_operator")
    query = "SELECT erased_at FROM erased_users WHERE user_hash = encode(sha256(convert_to(%s, 'UTF8')), 'hex')"
    row = connection.execute(query, [user_id]).fetchone()
    return row[0] if row else None


def history(connection: Connection, user_id: str) -> list[Described]:
    """What happened to a user's onboarding, the newest first."""
    connection.execute("SELECT set_config('role', 'none', true)")
    take_role(connection, "onboarding_operator")
    names = ("at", "kind", "step", "request_id", "detail")
    query = """SELECT at, kind, step_key, request_id, detail FROM onboarding_events
               WHERE user_id = %s ORDER BY at DESC, id DESC"""
    rows = connection.execute(query, [user_id]).fetchall()
    return [dict(zip(names, [at.astimezone(UTC).isoformat(), *told], strict=True)) for at, *told in rows]


def _session(session: Mapping[str, Any], progress: Progress) -> Described:
    position = {"current_step": progress.current_step, "progress": progress.completion_percentage}
    times = {name: _utc(session[name]) for name in ("started_at", "updated_at", "completed_at")}
    return {"id": session["id"], **position, **times}


def _step(number: int, step: StepDefinition, state: Mapping[str, Any] | None, found: Export, user_id: str) -> Described:
    state = state or {"status": UNTOUCHED.status, "completed_at": None, "data": None}
    return {
        "step_number": number,
        "title": step.title,
        "required": step.required,
        "status": state["status"],
        "completed_at": _utc(state["completed_at"]),
        "data_bytes": _size(state.get("data")),
        "stored": _keys(found, user_id) if step == API_KEYS else [_row(row) for row in _rows(step, found)],
    }


def _rows(step: StepDefinition, found: Export) -> Sequence[Mapping[str, Any]]:
    rows: Any = found["rows"].get(_ROWS_OF_STEP.get(step.key, "")) or []
    return rows if isinstance(rows, list) else [rows]


def _utc(time: str | None) -> str | None:
    return time and datetime.fromisoformat(time).astimezone(UTC).isoformat()


def _keys(found: Export, user_id: str) -> list[Described]:
    ring, sealed = _key_ring(), by_provider(found)
    return [
        {
            "provider": row["provider"],
            "key": _shown_key(ring, user_id, row["provider"], sealed[row["provider"]]),
            "updated_at": _utc(row["updated_at"]),
        }
        for row in found["rows"]["api_keys"]
    ]


def _key_ring() -> KeyRing | None:
    try:
        return KeyRing(Settings(os.environ).api_key_encryption_keys)
    except Unavailable:
        return None


def _shown_key(ring: KeyRing | None, user_id: str, provider: str, sealed: bytes) -> str:
    if ring is None:
        return "encrypted (API_KEY_ENCRYPTION_KEYS is not set here)"
    key = ring.decrypt(user_id, provider, sealed)
    return "encrypted with another key than API_KEY_ENCRYPTION_KEYS holds" if key is None else masked(key)


def _row(row: Mapping[str, Any]) -> Described:
    """Describe a row: short plain columns and times as they are, of anything else the size in bytes."""
    return {
        name if _is_plain(name) else f"{name}_bytes": _plain(name, value) if _is_plain(name) else _size(value)
        for name, value in row.items()
        if name not in _BOOKKEEPING and value is not None
    }


def _is_plain(name: str) -> bool:
    return name in _SHOWN_AS_THEY_ARE or name.endswith(("_at", "_date"))


def _plain(name: str, value: Any) -> Any:
    return value if name in _SHOWN_AS_THEY_ARE else _utc(value)


def _size(value: object) -> int:
    """The size of a value as JSON, in bytes; 0 for none."""
    return 0 if value is None else len(json.dumps(value, ensure_ascii=False).encode())


def _missing(progress: Progress, has_key: bool) -> list[str]:
    """Name what completion still needs: the required steps, and a key."""
    unfinished = [
        f"step {progress.flow.number(step)} ({step.title})" for step in progress.missing_before(progress.flow.steps[-1])
    ]
    return unfinished + ([] if has_key else ["an API key"])
