"""Runs the statements of one user in one transaction, and turns what the driver reports into the domain's errors."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import psycopg
from psycopg import errors as pg
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import Pool

from lib.db.engine import Connection, Scope
from lib.db.guards import refusal
from lib.db.operator_scope import OperatorScope
from lib.db.statements import Bound
from lib.errors import FieldError, InvalidData, Unavailable
from lib.timing import waits_for_database

_SCHEMA_OUTDATED = (
    pg.UndefinedTable,
    pg.UndefinedColumn,
    pg.UndefinedFunction,
    pg.InvalidParameterValue,  # the role does not exist
    pg.InsufficientPrivilege,
    pg.InvalidColumnReference,  # ON CONFLICT without its index
)


class Database:
    """The one way to Postgres. Each method is one transaction in one round trip, committed before it returns."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def read[Row: Mapping[str, Any]](self, user_id: str, query: Bound[Row]) -> list[Row]:
        """Rows that the user may see. Raises `Unavailable`."""
        return self._run(Scope(user_id), [query])

    def read_unscoped[Row: Mapping[str, Any]](self, query: Bound[Row]) -> list[Row]:
        """Rows that belong to no user, as the login role. Raises `Unavailable`."""
        return self._run(Scope(), [query])

    def read_as_operator[Row: Mapping[str, Any]](self, query: Bound[Row]) -> list[Row]:
        """Rows of every user, as the role that may read them all and write none. Raises `Unavailable`."""
        return self._run(OperatorScope(), [query])

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
        self._pool.dispose()

    @waits_for_database
    def _run(self, scope: Scope, statements: Sequence[Bound[Any]]) -> list[Any]:
        try:
            rows = self._attempt(scope, statements)
            # Every statement is idempotent, so running it once more on a new connection is safe.
            return rows if rows is not None else self._attempt(scope, statements, is_last=True) or []
        except (psycopg.Error, PoolTimeout) as error:
            raise _translated(error) from error

    def _attempt(self, scope: Scope, statements: Sequence[Bound[Any]], *, is_last: bool = False) -> list[Any] | None:
        """The rows of the last statement; None where the connection was lost, unless this is the last attempt."""
        pooled = self._pool.connect()
        connection = cast(Connection, pooled.driver_connection)
        try:
            cursor = connection.exchange(scope, statements)
            return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            if is_last or not connection.closed or connection.is_overdue:
                raise
            return None
        finally:
            # Only an idle connection is left to the next request: no unread answer, no open transaction.
            if connection.closed or connection.is_overdue or not _is_idle(connection):
                pooled.invalidate()
            pooled.close()


def _is_idle(connection: Connection) -> bool:
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _translated(error: Exception) -> Exception:
    if refused := refusal(getattr(error, "sqlstate", None)):
        return refused
    reason = f"{type(error).__name__} {getattr(error, 'sqlstate', None) or ''}".strip()
    if isinstance(error, _SCHEMA_OUTDATED):
        return Unavailable("The service is being updated. Please try again in a moment.", f"schema outdated: {reason}")
    if isinstance(error, pg.ProgramLimitExceeded | pg.DataError):
        return InvalidData([FieldError("data", "too_large", "holds a value too large to be stored")])
    if isinstance(error, psycopg.OperationalError | PoolTimeout | psycopg.InterfaceError):
        return Unavailable(
            "The database cannot be reached right now. Please try again in a moment.", f"database: {reason}"
        )
    return error
