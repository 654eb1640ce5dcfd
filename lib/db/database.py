"""Runs the statements of one user in one transaction, and turns what the driver reports into the domain's errors."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import errors as pg
from psycopg.pq import TransactionStatus

from lib.db.bound import Bound
from lib.db.engine import POOL_SIZE, Connection, Distributed, new_deadline
from lib.db.guards import TOO_LATE, refusal
from lib.db.operator_scope import OperatorScope
from lib.db.pool import Pool
from lib.db.scope import Scope
from lib.db.slots import Overloaded, Slots
from lib.errors import FieldError, InvalidData, Unavailable
from lib.timing import waits_for_database

_SCHEMA_OUTDATED = (
    pg.UndefinedTable,
    pg.UndefinedColumn,
    pg.UndefinedFunction,
    pg.InvalidParameterValue,  # the role does not exist
    pg.InsufficientPrivilege,
    pg.InvalidColumnReference,  # ON CONFLICT without its index
    pg.IndeterminateDatatype,  # a node of a cluster was not distributed to (docs/SCALE.md)
    pg.UndefinedParameter,  # the same
)

_BUSY = "The service is very busy. Please try again in a moment."
_RETRIED = (pg.SerializationFailure, pg.DeadlockDetected)
# The server does not have a statement that it was told to keep, has one of that name from elsewhere, or a migration
# made it useless.
_NOT_KEPT = (pg.InvalidSqlStatementName, pg.DuplicatePreparedStatement, pg.FeatureNotSupported)

# While a part of a cluster's tables moves, a row may be looked for where its session is not yet, or not any more.
_MOVED = pg.ForeignKeyViolation

type Turn = Callable[[str, float], AbstractContextManager[object]]
"""Given a user and a monotonic deadline: what a write of that user waits in until it is its turn."""


class Database:
    """The one way to Postgres. Each method is one transaction in one round trip, committed before it returns.

    Five seconds are the limit of a call: for its turn, a connection, the statements and a retry together.
    """

    def __init__(
        self,
        pool: Pool[Connection],
        turn: Turn = lambda _user_id, _deadline: nullcontext(),
        request_id: Callable[[], str | None] = lambda: None,
        waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """`waiting` is what a request waits in for Postgres."""
        self._pool = pool
        self._request_id = request_id
        self._slots = Slots(POOL_SIZE)
        self._turn = turn
        self._waiting = waiting
        self._begins = False
        self._prepares = True
        self._is_cluster = False

    def read[Row: Mapping[str, Any]](self, user_id: str, query: Bound[Row]) -> list[Row]:
        """Rows that the user may see. Raises `Unavailable`."""
        return self._run(Scope(user_id), [query])

    def read_unscoped[Row: Mapping[str, Any]](self, query: Bound[Row]) -> list[Row]:
        """Rows that belong to no user, as the login role. Raises `Unavailable`."""
        return self._run(Scope(), [query])

    def note_and_read[Row: Mapping[str, Any]](self, user_id: str, note: Bound[Any], query: Bound[Row]) -> list[Row]:
        """As `read`, with a statement that notes the reading. It waits for no write of the user."""
        return self._run(Scope(user_id), [note, query])

    def read_as_operator[Row: Mapping[str, Any]](
        self, query: Bound[Row], of_cluster: Callable[[], Bound[Row]]
    ) -> list[Row]:
        """Rows of every user, as the role that may read them all and write none. Raises `Unavailable`.

        A cluster is asked the query that `of_cluster` makes.
        """
        return self._run(OperatorScope(of_cluster=of_cluster, is_cluster=self._is_cluster), [query])

    def write(self, user_id: str, statements: Sequence[Bound[Any]]) -> None:
        """Run idempotent statements after every earlier write of this user.

        Raises `Unavailable`, `InvalidData`, and what a guard among the statements refuses with.
        """
        self._run(Scope(user_id, exclusive=True), statements)

    def write_and_read[Row: Mapping[str, Any]](
        self, user_id: str, statements: Sequence[Bound[Any]], query: Bound[Row]
    ) -> list[Row]:
        """As `write`, and the rows of a query that sees what was written."""
        return self._run(Scope(user_id, exclusive=True), [*statements, query])

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @waits_for_database
    def _run(self, scope: Scope, statements: Sequence[Bound[Any]]) -> list[Any]:
        deadline = new_deadline()
        scope = replace(scope, request_id=self._request_id(), write_seed=_new_seed())
        try:
            with self._waiting(), self._turn_of(scope, deadline):
                return self._in_slot(scope, statements, deadline)
        except Overloaded as error:
            raise Unavailable(_BUSY, "overloaded: no connection is free in time") from error
        except psycopg.Error as error:
            raise _translated(error, is_write=scope.exclusive, is_cluster=self._is_cluster) from error

    def _in_slot(self, scope: Scope, statements: Sequence[Bound[Any]], deadline: float) -> list[Any]:
        try:
            with self._slots.slot(deadline):
                return self._attempts(self._as_found(scope), statements, deadline)
        except _Unanswered as error:
            # The server may still have the write, until its deadline: whoever is told before that it failed could see
            # it happen after a later one.
            time.sleep(max(0.0, deadline - time.monotonic()))
            raise error.error from error

    def _as_found(self, scope: Scope) -> Scope:
        """The scope as earlier answers showed that the server wants it."""
        if scope.user_id is None:
            return scope
        return replace(scope, begins=self._begins, prepares=self._prepares)

    def _turn_of(self, scope: Scope, deadline: float) -> AbstractContextManager[object]:
        return self._turn(scope.user_id, deadline) if scope.exclusive and scope.user_id else nullcontext()

    def _attempts(self, scope: Scope, statements: Sequence[Bound[Any]], deadline: float) -> list[Any]:
        """The rows of the last statement. Every statement is idempotent, so running it again is safe.

        Raises `_Unanswered` and `psycopg.Error`.
        """
        is_unanswered = False
        while True:
            try:
                return self._attempt(scope, statements, deadline)
            except _Retry as again:
                scope, is_unanswered = again.scope, is_unanswered or again.is_unanswered
            except psycopg.Error as error:
                if is_unanswered and error.sqlstate is None:
                    raise _Unanswered(error) from error
                raise

    def _attempt(self, scope: Scope, statements: Sequence[Bound[Any]], deadline: float) -> list[Any]:
        """The rows of the last statement. Raises `_Retry`, `_Unanswered` and `psycopg.Error`."""
        connection = self._pool.take(deadline)
        try:
            return connection.exchange(scope, statements)
        except psycopg.Error as error:
            if connection.is_overdue:
                raise
            is_unanswered = scope.exclusive and connection.closed and error.sqlstate is None
            if again := self._promising(error, scope, connection):
                raise _Retry(again, is_unanswered=is_unanswered) from error
            if is_unanswered:
                raise _Unanswered(error) from error
            raise
        finally:
            # Only an idle connection is left to the next request: no unread answer, no open transaction.
            if not _is_idle_again(connection):
                self._pool.drop(connection)
            else:
                self._pool.give_back(connection)

    def _promising(self, error: psycopg.Error, scope: Scope, connection: Connection) -> Scope | None:
        """The scope in which the same statements may do better, if there is one.

        Each thing that a server turns out to need is tried once, and so is the same again after what may pass.
        """
        if isinstance(error, Distributed):
            self._is_cluster = True
            if isinstance(scope, OperatorScope):
                return replace(scope, is_cluster=True)
        if isinstance(error, Distributed | pg.ActiveSqlTransaction) and not scope.begins:
            self._begins = True
            return replace(scope, begins=True)
        if isinstance(error, _NOT_KEPT) and scope.prepares:
            if connection.server_pid is None:
                self._prepares = False  # a pooler that keeps no statements apart will not do so later
            else:
                connection.close()  # the next one begins without any
            return replace(scope, prepares=False)
        if scope.is_repeated:
            return None
        if isinstance(error, psycopg.OperationalError) and connection.closed:
            begins = scope.begins or scope.exclusive
            return replace(scope, begins=begins, lost_backend=connection.server_pid, is_repeated=True)
        # A server that answers "too late" in time has had its clock set; the answer told by how much.
        is_worth_it = isinstance(error, _RETRIED) or error.sqlstate == TOO_LATE
        is_worth_it = is_worth_it or (self._is_cluster and isinstance(error, _MOVED))
        return replace(scope, is_repeated=True) if is_worth_it else None


class _Retry(Exception):
    """The statements are to be run again, in this scope."""

    def __init__(self, scope: Scope, *, is_unanswered: bool) -> None:
        super().__init__()
        self.scope, self.is_unanswered = scope, is_unanswered


class _Unanswered(Exception):
    """A write was sent, and the server never answered it."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__()
        self.error = error


def _new_seed() -> int:
    """Like the ids that the database makes: 2^52 and more, with room for what is added to it below 2^53."""
    return 2**52 + secrets.randbits(51)


def _is_idle_again(connection: Connection) -> bool:
    """Whether nothing is left of the request, after ending a transaction of its own that failed."""
    if connection.closed or connection.is_overdue:
        return False
    if connection.info.transaction_status == TransactionStatus.INERROR:
        with suppress(psycopg.Error):
            connection.roll_back()
    return connection.info.transaction_status == TransactionStatus.IDLE


def _translated(error: psycopg.Error, *, is_write: bool, is_cluster: bool = False) -> Exception:
    if refused := refusal(error.sqlstate):
        return refused
    reason = f"{type(error).__name__} {error.sqlstate or ''}".strip()
    if isinstance(error, _SCHEMA_OUTDATED):
        return Unavailable("The service is being updated. Please try again in a moment.", f"schema outdated: {reason}")
    if is_write and isinstance(error, pg.ProgramLimitExceeded | pg.DataError):
        return InvalidData([FieldError("data", "too_large", "holds a value too large to be stored")])
    is_moving = is_cluster and isinstance(error, _MOVED)
    if isinstance(error, psycopg.ProgrammingError | psycopg.IntegrityError) and not is_moving:
        return error  # a mistake of ours
    # Read-only, shutting down, out of room, broken: every other state of a server is its own affair, and passes.
    return Unavailable("The database cannot be reached right now. Please try again in a moment.", f"database: {reason}")
