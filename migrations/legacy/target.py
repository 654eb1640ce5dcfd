"""The new database, one user at a time: reading all that it holds of a user, and writing what was planned.

Works as the functions do: as `onboarding_app`, with `app.user_id` set, under the user's lock, so that row-level
security holds here too and no request comes between reading and writing. The caller opens and commits transactions.
"""

import base64
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from lib.db.encryption import KeyRing
from lib.db.operators import Connection, UnusableURL
from migrations.legacy.records import (
    ANALYSIS,
    API_KEY,
    BUSINESS,
    INTEGRATIONS,
    PERSONA,
    PREFERENCES,
    SESSION,
    STEP,
    Held,
    Key,
    State,
)
from migrations.legacy.statuses import NUMBERS, current_step, finished_steps, furthest_step
from migrations.legacy.target_sql import LOAD, SCOPE, UPSERTS, parameters
from migrations.legacy.values import EPOCH, as_time

_KEY_COLUMNS = {STEP: "step_key", ANALYSIS: "website_url"} | dict.fromkeys(
    (PREFERENCES, PERSONA, INTEGRATIONS, BUSINESS)
)
_BOOKKEEPING = frozenset(
    {
        "id",
        "user_id",
        "session_id",
        "created_at",
        "updated_at",
        "step_key",
        "website_url",
        "status",
        "completed_at",
        "version",
    }
)


_SEALED = "\0sealed with another encryption key"


class Target:
    """The new tables over one connection. `keys` gives the encryption keys when the first one is needed."""

    def __init__(self, connection: Connection, keys: Callable[[], KeyRing]) -> None:
        self._connection = connection
        self._keys = keys

    def check(self) -> None:
        """Raise UnusableURL where the schema is not there or its role cannot be taken."""
        row = self._connection.execute(
            "SELECT to_regclass('onboarding_steps') IS NOT NULL AND to_regclass('erased_users') IS NOT NULL,"
            " (SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = 'onboarding_app')"
        ).fetchone()
        if row is None or not row[0]:
            raise UnusableURL("the target has no onboarding tables yet: run `python -m migrations` on it first")
        if not row[1]:
            raise UnusableURL("the target's login cannot become onboarding_app: use the one that ran the migrations")

    def require_keys(self) -> None:
        """Raise Unavailable where there are no encryption keys to store an API key with."""
        self._keys()

    def load(self, user_ids: Sequence[str], *, lock: bool) -> list[State | None]:
        """What is held of each user, in one round trip; None for an account that was erased."""
        cursors = []
        with self._connection.pipeline():
            for user_id in user_ids:
                self._connection.execute(SCOPE, (user_id,))
                if lock:
                    self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (user_id,))
                cursors.append(self._connection.execute(LOAD))
            self._connection.execute("SELECT set_config('role', 'none', true)")
        rows: list[tuple[bool, dict[str, Any]]] = [cursor.fetchone() or (True, {}) for cursor in cursors]
        return [
            None if erased else self._state(user_id, found)
            for user_id, (erased, found) in zip(user_ids, rows, strict=True)
        ]

    def write(self, plans: Sequence[tuple[str, State, Sequence[Key]]]) -> None:
        """Store the named things of each user, in one round trip."""
        with self._connection.pipeline():
            for user_id, state, names in plans:
                if not names:
                    continue
                self._connection.execute(SCOPE, (user_id,))
                # The session comes first: everything else hangs on it.
                for kind, key in sorted(names, key=lambda name: name[0] != SESSION):
                    held = self._as_stored(user_id, kind, key, state)
                    self._connection.execute(UPSERTS[kind], parameters(user_id, kind, key, held))
            self._connection.execute("SELECT set_config('role', 'none', true)")

    def _as_stored(self, user_id: str, kind: str, key: str, state: State) -> Held:
        held = state[kind, key]
        if kind == API_KEY:
            more: dict[str, object] = {"encrypted_key": self._keys().encrypt(user_id, key, held.values["key"])}
        elif kind == SESSION:
            more = {"furthest_step": furthest_step(held.values["current_step"], finished_steps(state))}
        else:
            return held
        return Held({**held.values, **more}, held.time, held.created_at)

    def _state(self, user_id: str, found: dict[str, Any]) -> State:
        state: dict[Key, Held] = {}
        for row in found["sessions"] or ():
            times = {name: as_time(row[name]) for name in ("started_at", "completed_at")}
            values = {"current_step": current_step(row["furthest_step"]), **times}
            state[SESSION, ""] = Held(values, _time(row["updated_at"]))
        for row in found["api_keys"] or ():
            state[API_KEY, row["provider"]] = self._key(user_id, row)
        for kind in _KEY_COLUMNS:
            state.update(_things(kind, found[kind] or ()))
        return state

    def _key(self, user_id: str, row: dict[str, Any]) -> Held:
        key = self._keys().decrypt(user_id, row["provider"], base64.b64decode(row["encrypted_key"]))
        # A key that these encryption keys cannot open is still a key, and no older one may take its place.
        return Held({"key": _SEALED if key is None else key}, _time(row["updated_at"]), _time(row["created_at"]))


def _things(kind: str, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[Key, Held]]:
    for row in rows:
        if kind == STEP and row["step_key"] not in NUMBERS:
            continue  # the old software had no such step
        key_column = _KEY_COLUMNS[kind]
        values = {name: value for name, value in row.items() if name not in _BOOKKEEPING and value is not None}
        if kind == STEP:
            values["status"] = {"status": row["status"], "completed_at": as_time(row["completed_at"])}
            if not row["validation_errors"]:
                values.pop("validation_errors", None)
        if kind == ANALYSIS:
            values |= {"status": row["status"], "analysis_date": as_time(row["analysis_date"])}
        created_at = _time(row["created_at"]) if "created_at" in row else None
        key = str(row[key_column]) if key_column else ""
        yield (kind, str(NUMBERS[key]) if kind == STEP else key), Held(values, _time(row["updated_at"]), created_at)


def _time(text: str) -> datetime:
    return as_time(text) or EPOCH
