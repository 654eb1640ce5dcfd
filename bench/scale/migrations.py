"""What a migration of a large table locks and for how long, and how long a write waits meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import LiteralString, TypedDict

import psycopg

from bench.progress import say
from bench.scale.backends import Crowd
from bench.scale.locks import Locks
from bench.scale.statements import record
from bench.scale.writers import Writers, writing
from bench.stage import Stage

QUIET_S = 10
SAVE = "POST step/3/complete"

_KEY: LiteralString = "FOREIGN KEY (user_id, session_id) REFERENCES onboarding_sessions (user_id, id) NOT VALID"
# To the owner, row-level security is forced and shows no row: VALIDATE of a foreign key would examine nothing.
_EXAMINE: tuple[LiteralString, ...] = (
    "SET LOCAL ROLE onboarding_operator",
    "SELECT count(*) FROM onboarding_steps AS child WHERE NOT EXISTS (SELECT FROM onboarding_sessions AS parent"
    " WHERE parent.user_id = child.user_id AND parent.id = child.session_id)",
    "RESET ROLE",
)
_PARENT_FIRST: LiteralString = "LOCK TABLE onboarding_sessions IN SHARE ROW EXCLUSIVE MODE"
_FLAG: LiteralString = "ALTER TABLE onboarding_steps ADD COLUMN bench_flag boolean NOT NULL DEFAULT true"
_INDEX: LiteralString = "ON onboarding_steps (user_id, completed_at)"
_TABLE: LiteralString = (
    "(user_id varchar(255) PRIMARY KEY, session_id bigint,"
    " FOREIGN KEY (user_id, session_id) REFERENCES onboarding_sessions (user_id, id))"
)
# The last ones are what a revision must not do: they show what the others spare.
OPERATIONS: dict[str, tuple[LiteralString, ...]] = {
    "a nullable column": ("ALTER TABLE onboarding_steps ADD COLUMN bench_note text",),
    "a column with a constant default": (_FLAG,),
    "a table that refers to the sessions, then a column": (
        f"CREATE TABLE bench_first {_TABLE}",
        "ALTER TABLE onboarding_steps ADD COLUMN bench_second text",
    ),
    "a check, NOT VALID": ("ALTER TABLE onboarding_steps ADD CONSTRAINT bench_check CHECK (version > 0) NOT VALID",),
    "that check, VALIDATE": ("ALTER TABLE onboarding_steps VALIDATE CONSTRAINT bench_check",),
    "a foreign key, NOT VALID, its parent locked first": (
        _PARENT_FIRST,
        f"ALTER TABLE onboarding_steps ADD CONSTRAINT bench_key {_KEY}",
    ),
    "that foreign key, VALIDATE": (*_EXAMINE, "ALTER TABLE onboarding_steps VALIDATE CONSTRAINT bench_key"),
    "an index, CONCURRENTLY": (f"CREATE INDEX CONCURRENTLY bench_index {_INDEX}",),
    "a column, then a table that refers to the sessions": (
        "ALTER TABLE onboarding_steps ADD COLUMN bench_first text",
        f"CREATE TABLE bench_second {_TABLE}",
    ),
    "a foreign key, NOT VALID, at once": (f"ALTER TABLE onboarding_steps ADD CONSTRAINT bench_bare_key {_KEY}",),
    "a check, validated at once": ("ALTER TABLE onboarding_steps ADD CONSTRAINT bench_at_once CHECK (version > -1)",),
    "an index, not concurrently": (f"CREATE INDEX bench_quick {_INDEX}",),
}
_UNDO: tuple[LiteralString, ...] = (
    "ALTER TABLE onboarding_steps DROP COLUMN IF EXISTS bench_note, DROP COLUMN IF EXISTS bench_flag,"
    " DROP COLUMN IF EXISTS bench_first, DROP COLUMN IF EXISTS bench_second,"
    " DROP CONSTRAINT IF EXISTS bench_check, DROP CONSTRAINT IF EXISTS bench_key,"
    " DROP CONSTRAINT IF EXISTS bench_at_once, DROP CONSTRAINT IF EXISTS bench_bare_key",
    "DROP INDEX IF EXISTS bench_index, bench_quick",
    "DROP TABLE IF EXISTS bench_first, bench_second",
)


class Migrated(TypedDict):
    """One operation: its seconds, the strongest lock on each table, and what happened to writes meanwhile.

    `failed` says that Postgres ended it, and not a write, where both waited for each other. `refused` are the writes
    that waited out their time limit.
    """

    seconds: float
    failed: bool
    locks: dict[str, str]
    longest_write_ms: float
    writes: int
    refused: int


def measure(stage: Stage, crowd: Crowd) -> dict[str, Migrated]:
    """Run each operation, as the role that migrates, while writers save; and then undo them all."""
    sent = record(stage, crowd)[SAVE]
    found: dict[str, Migrated] = {}
    with writing(crowd, sent) as writers:
        time.sleep(QUIET_S)
        found["nothing"] = _seen(writers, QUIET_S, {})
        for name, statements in OPERATIONS.items():
            say(f"{crowd.users:,} users: {name}")
            started = time.monotonic()
            try:
                seconds, locks = _run(crowd.url, statements)
                found[name] = _seen(writers, seconds, locks)
            except psycopg.errors.DeadlockDetected:
                found[name] = _seen(writers, time.monotonic() - started, {}, failed=True)
    with psycopg.connect(crowd.url, autocommit=True) as connection:
        for statement in _UNDO:
            connection.execute(statement)
    return found


def _seen(writers: Writers, seconds: float, locks: dict[str, str], *, failed: bool = False) -> Migrated:
    time.sleep(0.5)  # for the writes that were waiting
    durations, refused = writers.seen()
    return {
        "seconds": seconds,
        "failed": failed,
        "locks": locks,
        "longest_write_ms": max(durations) * 1000,
        "writes": len(durations),
        "refused": refused,
    }


def _run(url: str, statements: Sequence[LiteralString]) -> tuple[float, dict[str, str]]:
    """The seconds from the beginning to the commit, and the locks that another session sees meanwhile."""
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url, autocommit=True) as other:
        locks = Locks(other, connection.info.backend_pid)
        if "CONCURRENTLY" in statements[0]:
            with locks.polled():
                started = time.monotonic()
                connection.execute(statements[0])
                return time.monotonic() - started, locks.found
        started = time.monotonic()
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement)
        done = time.monotonic()
        locks.look()
        committing = time.monotonic()
        connection.execute("COMMIT")
        return time.monotonic() - committing + done - started, locks.found
