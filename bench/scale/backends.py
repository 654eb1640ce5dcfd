"""Databases with many users, and connections to them whose processor time is known."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.harness.statements import Plan, Sent, enter, explain
from lib.db.engine import Connection
from lib.db.scope import TIME_LIMIT_S


@dataclass(frozen=True)
class Crowd:
    """A database with so many users; `url` is the functions' own."""

    users: int
    url: str


class Backend:
    """A connection as a function's, and the processor time of the server's process behind it."""

    def __init__(self, url: str) -> None:
        self.connection = Connection.connect(url, autocommit=True)
        self._time = Path(f"/proc/{self.connection.info.backend_pid}/schedstat")

    def send(self, sent: Sent) -> float:
        """Run it once. Gives the milliseconds of processor time that it took in Postgres."""
        self.connection.deadline = time.monotonic() + TIME_LIMIT_S
        before = self._cpu_ns()
        self.connection.exchange(sent.scope, sent.statements)
        return (self._cpu_ns() - before) / 1e6

    def explained(self, sent: Sent) -> list[Plan]:
        """What EXPLAIN ANALYZE says of each statement; nothing of it stays."""
        with self.connection.transaction(force_rollback=True):
            enter(self.connection, sent.scope)
            values = sent.scope.values
            return [
                explain(self.connection, one.sql, {**one.values, **values}, ", ANALYZE, BUFFERS, TIMING OFF")
                for one in sent.statements
            ]

    def _cpu_ns(self) -> int:
        return int(self._time.read_text().split()[0])


@contextmanager
def connected(url: str) -> Iterator[Backend]:
    """Connect while in use."""
    backend = Backend(url)
    with backend.connection:
        yield backend
