"""Connections: a small pool a process, and one round trip a request.

The statements of a request, its scope (role, user, time limit, and for a write the user's lock) and those that do the
work, go through psycopg's pipeline and are committed by the Sync at its end. Postgres runs everything up to a Sync as
one transaction, so there is no BEGIN and no COMMIT to wait for, and after an error Postgres skips what follows and
leaves nothing behind.

A write carries a deadline, which the server checks by its own clock once it holds the user's lock: whoever was told
that a write failed can rely on it that it never happens later.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from lib.db.bound import Bound
from lib.db.budget import waited_s
from lib.db.clock import ServerClock
from lib.db.guards import TOO_LATE
from lib.db.in_time import opened_in_time
from lib.db.large_values import values_first
from lib.db.pool import Pool
from lib.db.tls import without_tls
from lib.db.url import SEARCH_PATH, libpq_url

TIME_LIMIT_S = 5
"""For everything that one call of the database waits for: its turn, a connection, the statements and a retry."""

ANSWER_TIME_S = 0.3
"""How long before our own deadline the server has to be done, so that its answer still reaches us."""

POOL_SIZE = 5

_TIME_LIMIT = (
    "SELECT extract(epoch FROM clock_timestamp())::float8 AS clock, pg_backend_pid() AS backend,"
    f" set_config('statement_timeout', %(limit_ms)s, true), set_config('search_path', '{SEARCH_PATH}', true)"
)
_SCOPE = _TIME_LIMIT + ", set_config('role', 'onboarding_app', true), set_config('app.user_id', %(user_id)s, true)"
# A waiting write must see what the one before it wrote. Where the database's default is another level, this fails, and
# the write is sent once more with a BEGIN that says so.
_ISOLATION = ", set_config('transaction_isolation', 'read committed', true)"
_BEGIN, _COMMIT = "BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s, 0))"

_LEFT_MS = "greatest(1, ceil(1000 * extract(epoch FROM to_timestamp(%(done_by)s) - clock_timestamp())))::bigint::text"
_IN_TIME = (
    f"SELECT onboarding_require(clock_timestamp() < to_timestamp(%(done_by)s), '{TOO_LATE}'),"
    f" set_config('statement_timeout', {_LEFT_MS}, true)"
)
# Postgres 17 also ends a transaction whose rest never arrives. The timer only starts anew from zero.
_HAS_TRANSACTION_TIMEOUT = 170000
_WHOLE_TIME_LIMIT = ", set_config('transaction_timeout', %(limit_ms)s, true)"
_WHOLE_IN_TIME = f", set_config('transaction_timeout', '0', true), set_config('transaction_timeout', {_LEFT_MS}, true)"
_END_LOST_ATTEMPT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %(backend)s AND usename = session_user"
)
_MOST_BEFORE_SCOPE = 3
_FOREVER = 4_102_444_800.0  # the year 2100

# A refused write ends its pipeline early, on purpose; psycopg warns of every pipeline that ends so.
logging.getLogger("psycopg").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Timing:
    """What the server is told of the time that is left: `done_by` by its own clock, in seconds since 1970."""

    limit_ms: int = TIME_LIMIT_S * 1000
    done_by: float = _FOREVER
    server_version: int = _HAS_TRANSACTION_TIMEOUT

    @property
    def values(self) -> Mapping[str, object]:
        """The values of the statements that set time limits."""
        return {"limit_ms": str(self.limit_ms), "done_by": self.done_by}

    @property
    def ends_transactions(self) -> bool:
        """Whether the server has a time limit for a whole transaction."""
        return self.server_version >= _HAS_TRANSACTION_TIMEOUT


DEFAULT_TIMING = Timing()


@dataclass(frozen=True)
class Scope:
    """For whom statements run. `exclusive` makes the writes of one user wait for each other.

    Without a user they run as the login role, whom row-level security shows no user's rows. `begins` says the
    isolation level in a BEGIN of its own. `lost_backend` is the server process of an attempt whose connection was
    lost: it may still have the write before it, and is ended first; with `begins` only.
    """

    user_id: str | None = None
    exclusive: bool = False
    begins: bool = False
    lost_backend: int | None = None
    request_id: str | None = None
    write_seed: int = 0

    @property
    def values(self) -> Mapping[str, object]:
        """What every statement may name."""
        return {"user_id": self.user_id, "request_id": self.request_id, "write_seed": self.write_seed}

    def statements(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """What is sent before the statements that do the work, but for a write's lock: see `lock`."""
        values = timing.values
        if self.user_id is None:
            return [Bound(_TIME_LIMIT, values)]
        if not self.exclusive:
            return [Bound(_SCOPE, values)]
        lost = [] if self.lost_backend is None else [Bound[Any](_END_LOST_ATTEMPT, {"backend": self.lost_backend})]
        before = [Bound[Any](_BEGIN, {}), *lost] if self.begins else []
        isolation = "" if self.begins else _ISOLATION
        limit = _WHOLE_TIME_LIMIT if timing.ends_transactions else ""
        return [*before, Bound(_SCOPE + isolation + limit, values)]

    def lock(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """The user's lock, and the check that it was not got too late, for a write."""
        if not self.exclusive:
            return []
        limit = _WHOLE_IN_TIME if timing.ends_transactions else ""
        return [Bound(_LOCK, {}), Bound(_IN_TIME + limit, timing.values)]

    def end(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """What is sent after the statements that do the work."""
        if not self.exclusive:
            return []
        check = [] if timing.ends_transactions else [Bound[Any](_IN_TIME, timing.values)]
        return [*check, *([Bound(_COMMIT, {})] if self.begins else [])]


class Connection(psycopg.Connection[DictRow]):
    """A connection on which no wait for the server goes past the deadline, even if the server is silent."""

    deadline = float("inf")
    server_pid: int | None = None
    """The process that serves this connection, unless a pooler stands between."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.clock = ServerClock()

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server, until the deadline at most. Raises `psycopg.OperationalError` when it passes."""
        remaining = max(0.0, self.deadline - time.monotonic())
        return super().wait(gen, interval, remaining if timeout is None else min(timeout, remaining))

    def exchange(self, scope: Scope, statements: Sequence[Bound[Any]]) -> psycopg.Cursor[DictRow]:
        """Run the statements as one transaction in one round trip; the cursor holds what the last one gave.

        A write on a connection whose server's clock was never read costs one more round trip.
        Raises the `psycopg.Error` of the first statement that failed.
        """
        if scope.exclusive and not self.clock.is_known:
            self._send(Scope(), Scope().statements(self._timing()), [])
        timing = self._timing()
        if not scope.exclusive:
            return self._send(scope, scope.statements(timing), statements)
        large, small = values_first(statements)
        before = [*scope.statements(timing), *large, *scope.lock(timing)]
        return self._send(scope, before, small, scope.end(timing))

    def _timing(self) -> Timing:
        """The time that is left. Raises `psycopg.OperationalError` where it is none."""
        done_by = self.deadline - ANSWER_TIME_S
        if (left_s := done_by - time.monotonic()) <= 0:
            raise psycopg.OperationalError("no time is left")
        at_server = self.clock.at(done_by) if self.clock.is_known else _FOREVER
        return Timing(max(1, int(left_s * 1000)), at_server, self.info.server_version)

    def _send(
        self, scope: Scope, before: Sequence[Bound[Any]], work: Sequence[Bound[Any]], after: Sequence[Bound[Any]] = ()
    ) -> psycopg.Cursor[DictRow]:
        cursors: list[psycopg.Cursor[DictRow]] = []
        sent = time.monotonic()
        try:
            with self.pipeline():
                for statement in (*before, *work, *after):
                    # Every statement is a constant of this package; only values come from outside.
                    cursors.append(self.execute(statement.sql, {**statement.values, **scope.values}))
        finally:
            self._note_clock(cursors, sent)
        return cursors[-1 - len(after)]

    def _note_clock(self, cursors: Sequence[psycopg.Cursor[DictRow]], sent: float) -> None:
        """Read the server's clock from the scope's row, which is there also where a later statement failed."""
        received = time.monotonic()
        for cursor in cursors[:_MOST_BEFORE_SCOPE]:
            if cursor.description and cursor.description[0].name == "clock" and (row := cursor.fetchone()):
                self.clock.note(row["clock"], sent, received)
                self.server_pid = row["backend"] if row["backend"] == self.info.backend_pid else None


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
        # A transaction-mode pooler does not keep prepared statements, hence no threshold.
        return Connection.connect(
            conninfo,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=TIME_LIMIT_S,
            application_name="onboarding",
            row_factory=dict_row,
        )
    except psycopg.OperationalError as error:
        if refused := without_tls(error):
            raise refused from None
        raise
