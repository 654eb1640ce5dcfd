"""Connections: a small pool a process, and one round trip a request.

The statements of a request, its scope (role, user, time limit, and for a write the user's lock) and those that do the
work, go through one pipeline and are committed by the Sync at its end: there is nothing to wait for in between, and
after an error Postgres skips what follows and leaves nothing behind.

A write carries a deadline, which the server checks by its own clock once it holds the user's lock: whoever was told
that a write failed can rely on it that it never happens later.
"""

import time
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult

from lib.db.bound import Bound
from lib.db.budget import waited_s
from lib.db.clock import ServerClock
from lib.db.in_time import opened_in_time
from lib.db.large_values import values_first
from lib.db.pipeline import IsoTime, exchange, numbered, outgoing, rows
from lib.db.pool import Pool
from lib.db.scope import FOREVER, MOST_BEFORE_SCOPE, TIME_LIMIT_S, Scope, Timing
from lib.db.tls import without_tls
from lib.db.url import libpq_url

ANSWER_TIME_S = 0.3
"""How long before our own deadline the server has to be done, so that its answer still reaches us."""

POOL_SIZE = 5

MOST_READINGS = 3
MOST_VARIANTS = 64
"""Some 100 kB each in the server's process, beside 9 MB for all other statements."""


class Distributed(psycopg.OperationalError):
    """The rows may be on other servers, which have to be told the user, or asked in another way."""


class Connection(psycopg.Connection[Any]):
    """A connection on which no wait for an answer goes past the deadline, even if the server is silent."""

    deadline = float("inf")
    server_pid: int | None = None
    """The process that serves this connection, unless a pooler stands between."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.adapters.register_loader("timestamptz", IsoTime)
        self.clock = ServerClock()
        self._kept: set[bytes] = set()
        self._variants: set[bytes] = set()

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    def exchange(self, scope: Scope, statements: Sequence[Bound[Any]]) -> list[dict[str, Any]]:
        """Run the statements as one transaction in one round trip; the rows of the last one.

        A write on a connection whose server's clock was never read costs one more round trip.
        Raises the `psycopg.Error` of the first statement that failed, and `Distributed`.
        """
        if scope.exclusive:
            self._read_clock()
        timing, statements = self._timing(), scope.work(statements)
        if not scope.exclusive:
            return self._send(scope, scope.statements(timing), statements, scope.end(timing))
        large, small = values_first(statements)
        before = [*scope.statements(timing), *large, *scope.lock(timing)]
        return self._send(scope, before, small, scope.end(timing))

    def _read_clock(self) -> None:
        """Know the server's clock. Raises `psycopg.OperationalError` where each answer takes too long."""
        for _ in range(MOST_READINGS):
            if self.clock.is_known:
                return
            self._send(Scope(), Scope().statements(self._timing()), [])
        if not self.clock.is_known:
            raise psycopg.OperationalError("the server's clock could not be read in time")

    def roll_back(self) -> None:
        """End a transaction that failed. Raises `psycopg.Error`."""
        self._send(Scope(), [], [Bound("ROLLBACK", {}, is_prepared=False)])

    def _timing(self) -> Timing:
        """The time that is left. Raises `psycopg.OperationalError` where it is none."""
        done_by = self.deadline - ANSWER_TIME_S
        if (left_s := done_by - time.monotonic()) <= 0:
            raise psycopg.OperationalError("no time is left")
        at_server = self.clock.at(done_by) if self.clock.is_known else FOREVER
        return Timing(max(1, int(left_s * 1000)), at_server, self.info.server_version)

    def _send(
        self, scope: Scope, before: Sequence[Bound[Any]], work: Sequence[Bound[Any]], after: Sequence[Bound[Any]] = ()
    ) -> list[dict[str, Any]]:
        every = [
            outgoing(
                self,
                statement.sql,
                {**statement.values, **scope.values},
                is_prepared=scope.prepares and statement.is_prepared and self._may_keep(statement),
            )
            for statement in (*before, *work, *after)
        ]
        sent = time.monotonic()
        results, error = exchange(self.pgconn, every, self._kept, self.deadline)
        self._note_server(scope, results, sent)
        if error:
            raise error
        return rows(self, results[-1 - len(after)])

    def _may_keep(self, statement: Bound[Any]) -> bool:
        """Whether the server may keep a statement: each takes memory there, and any user can make variants."""
        if statement.is_variant and len(self._variants) < MOST_VARIANTS:
            self._variants.add(numbered(statement.sql).name)
        return not statement.is_variant or numbered(statement.sql).name in self._variants

    def _note_server(self, scope: Scope, results: Sequence[PGresult], sent: float) -> None:
        """Read what the scope's row tells of the server; it is there also where a later statement failed.

        Raises `Distributed` where that asks for another scope.
        """
        received = time.monotonic()
        for result in results[:MOST_BEFORE_SCOPE]:
            if result.fname(0) == b"clock":
                (row,) = rows(self, result)
                self.clock.note(row["clock"], sent, received)
                self.server_pid = row["backend"] if row["backend"] == self.info.backend_pid else None
                if row["is_distributed"] and scope.is_for_one_server:
                    raise Distributed


def new_deadline() -> float:
    """The monotonic moment at which everything that begins now has to be over."""
    return time.monotonic() + TIME_LIMIT_S - waited_s()


def build_pool(url: str) -> Pool[Connection]:
    """Make the process's pool of connections; nothing is connected yet."""
    conninfo = libpq_url(url)
    return Pool(lambda deadline: _opened(conninfo, deadline))


def _opened(conninfo: str, deadline: float) -> Connection:
    try:
        return opened_in_time(lambda: _connect(conninfo), deadline - time.monotonic())
    except TimeoutError:
        raise psycopg.OperationalError("connecting took too long") from None


def _connect(conninfo: str) -> Connection:
    try:
        return Connection.connect(
            conninfo,
            autocommit=True,
            connect_timeout=TIME_LIMIT_S,
            application_name="onboarding",
            client_encoding="UTF8",
        )
    except psycopg.OperationalError as error:
        if refused := without_tls(error):
            raise refused from None
        raise
