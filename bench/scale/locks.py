"""The locks that a server process holds, seen from another session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

POLL_S = 0.02

_LOCKS = """
SELECT relation::regclass::text, mode FROM pg_locks
WHERE pid = %s AND locktype = 'relation' AND granted
AND relation IN (SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace)
"""
_STRONGEST_LAST = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)


@dataclass
class Locks:
    """The strongest lock on each table that a server process was seen with."""

    connection: psycopg.Connection[tuple[str, str]]
    pid: int
    found: dict[str, str] = field(default_factory=dict)

    def look(self) -> None:
        """Note what it holds now."""
        for table, mode in self.connection.execute(_LOCKS, [self.pid]).fetchall():
            self.found[table] = max(mode, self.found.get(table, mode), key=_STRONGEST_LAST.index)

    @contextmanager
    def polled(self) -> Iterator[None]:
        """Look again and again."""
        done = threading.Event()

        def poll() -> None:
            while not done.wait(POLL_S):
                self.look()

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
