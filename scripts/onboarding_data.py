"""What the database holds of a user, for an operator: described, never shown whole."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from lib.config import Settings
from lib.db.encryption import KeyRing
from lib.db.schema import EXPECTED_REVISION
from lib.db.tables import metadata
from lib.errors import Unavailable
from lib.steps.api_keys import masked
from lib.steps.definitions import REQUIRED_BEFORE_FINAL, STEPS, definition
from lib.steps.progress import FINISHED_STATUSES
from migrations.legacy.target_sql import LOAD, SCOPE
from migrations.legacy.urls import Connection, UnusableURL

Described = dict[str, Any]

_KINDS_OF_STEP = {1: "api_keys", 2: "website_analyses", 3: "research_preferences", 4: "personas", 5: "integrations"}
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
    _take_role(connection, "onboarding_operator")
    rows = {}
    for name in sorted(metadata.tables):
        row = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()  # noqa: S608 - our own tables
        rows[name] = row[0] if row else 0
    finished = connection.execute("SELECT count(*) FROM onboarding_sessions WHERE completed_at IS NOT NULL").fetchone()
    return {"rows": rows, "completed_users": finished[0] if finished else 0}


def user(connection: Connection, user_id: str) -> Described | None:
    """Describe all that is stored of a user; None for one who is not known."""
    _take_role(connection, "onboarding_app")
    connection.execute(SCOPE, (user_id,))
    row = connection.execute(LOAD).fetchone()
    found: Mapping[str, Any] = row[1] if row else {}
    if not found.get("sessions"):
        return None
    session = {name: value for name, value in found["sessions"][0].items() if name != "user_id"}
    states = {state["step_number"]: state for state in found["steps"] or ()}
    steps = [_step(step.number, states.get(step.number), found, user_id) for step in STEPS]
    missing = _missing(steps, bool(found["api_keys"]))
    return {"user_id": user_id, "session": session, "steps": steps, "missing": missing, "complete": not missing}


def _take_role(connection: Connection, role: str) -> None:
    query = "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s"
    if connection.execute(query, [role]).fetchone() != (True,):
        raise UnusableURL(f"this login cannot become {role}: use the one that ran the migrations")
    connection.execute("SELECT set_config('role', %s, true)", [role])


def _step(number: int, state: Mapping[str, Any] | None, found: Mapping[str, Any], user_id: str) -> Described:
    state = state or {"status": "pending", "completed_at": None, "data": None, "updated_at": None}
    rows = found.get(_KINDS_OF_STEP.get(number, "")) or ()
    return {
        "step_number": number,
        "title": definition(number).title,
        "required": definition(number).required,
        "status": state["status"],
        "completed_at": state["completed_at"],
        "data_bytes": _size(state["data"]),
        "stored": _keys(rows, user_id) if number == 1 else [_row(row) for row in rows],
    }


def _keys(rows: Sequence[Mapping[str, Any]], user_id: str) -> list[Described]:
    ring = _key_ring()
    return [
        {"provider": row["provider"], "key": _shown_key(ring, user_id, row), "updated_at": row["updated_at"]}
        for row in rows
    ]


def _key_ring() -> KeyRing | None:
    try:
        return KeyRing(Settings(os.environ).api_key_encryption_keys)
    except Unavailable:
        return None


def _shown_key(ring: KeyRing | None, user_id: str, row: Mapping[str, Any]) -> str:
    if ring is None:
        return "encrypted (API_KEY_ENCRYPTION_KEYS is not set here)"
    key = ring.decrypt(user_id, row["provider"], base64.b64decode(row["encrypted_key"]))
    return "encrypted with another key than API_KEY_ENCRYPTION_KEYS holds" if key is None else masked(key)


def _row(row: Mapping[str, Any]) -> Described:
    """Describe a row: short plain columns and times as they are, of anything else the size in bytes."""
    return {
        name if _is_plain(name) else f"{name}_bytes": value if _is_plain(name) else _size(value)
        for name, value in row.items()
        if name not in _BOOKKEEPING and value is not None
    }


def _is_plain(name: str) -> bool:
    return name in _SHOWN_AS_THEY_ARE or name.endswith(("_at", "_date"))


def _size(value: object) -> int:
    """The size of a value as JSON, in bytes; 0 for none."""
    return 0 if value is None else len(json.dumps(value, ensure_ascii=False).encode())


def _missing(steps: Sequence[Described], has_key: bool) -> list[str]:
    """Name what completion still needs: steps 1 to 3, and a key."""
    unfinished = [
        f"step {step['step_number']} ({step['title']})"
        for step in steps
        if step["step_number"] in REQUIRED_BEFORE_FINAL and step["status"] not in FINISHED_STATUSES
    ]
    return unfinished + ([] if has_key else ["an API key"])
