"""Runs one statement for one user in one transaction, and turns what the driver reports into the domain's errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors as pg
from sqlalchemy import Engine, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lib.db.engine import Scope
from lib.errors import FieldError, InvalidData, Unavailable

type Row = Mapping[str, Any]

_SCHEMA_OUTDATED = (
    pg.UndefinedTable,
    pg.UndefinedColumn,
    pg.UndefinedFunction,
    pg.InvalidParameterValue,  # the role does not exist
    pg.InsufficientPrivilege,
    pg.InvalidColumnReference,  # ON CONFLICT without its index
)


class Database:
    """The one way to Postgres. A call is one transaction, committed before it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, user_id: str, statement: TextClause, **parameters: object) -> Sequence[Row]:
        """Rows that the user may see. Raises `Unavailable`."""
        return self._run(Scope(user_id), statement, parameters)

    def write(self, user_id: str, statement: TextClause, **parameters: object) -> Sequence[Row]:
        """Run an idempotent statement after every earlier write of this user. Raises `Unavailable`, `InvalidData`."""
        return self._run(Scope(user_id, exclusive=True), statement, parameters)

    def read_unscoped(self, statement: TextClause) -> Sequence[Row]:
        """Rows that belong to no user, as the login role. Raises `Unavailable`."""
        return self._run(Scope(), statement, {})

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _run(self, scope: Scope, statement: TextClause, parameters: dict[str, object]) -> Sequence[Row]:
        try:
            return self._attempt(scope, statement, parameters)
        except DBAPIError as error:
            if not _met_dead_connection(error):
                raise _translated(error) from error
        except PoolTimeout as error:
            raise _translated(error) from error
        try:
            return self._attempt(scope, statement, parameters)
        except (DBAPIError, PoolTimeout) as error:
            raise _translated(error) from error

    def _attempt(self, scope: Scope, statement: TextClause, parameters: dict[str, object]) -> Sequence[Row]:
        with self._engine.connect() as connection:
            try:
                result = connection.execute(
                    statement, {"user_id": scope.user_id, **parameters}, execution_options={"scope": scope}
                )
                return [dict(row) for row in result.mappings()]
            except BaseException:
                # What is left in the pipeline of a failed request is nobody else's to meet.
                connection.invalidate()
                raise


def _met_dead_connection(error: DBAPIError) -> bool:
    """Whether the connection was lost under the statement; every statement is idempotent, so once more is safe."""
    timed_out = isinstance(error.orig, pg._WaitTimeout)
    return error.connection_invalidated and not timed_out


def _translated(error: Exception) -> Exception:
    cause = error.orig if isinstance(error, DBAPIError) else error
    reason = f"{type(cause).__name__} {getattr(cause, 'sqlstate', None) or ''}".strip()
    if isinstance(cause, _SCHEMA_OUTDATED):
        return Unavailable("The service is being updated. Please try again in a moment.", f"schema outdated: {reason}")
    if isinstance(cause, pg.ProgramLimitExceeded | pg.DataError):
        return InvalidData([FieldError("data", "holds a value too large to be stored")])
    if isinstance(cause, psycopg.OperationalError | PoolTimeout | psycopg.InterfaceError):
        return Unavailable(
            "The database cannot be reached right now. Please try again in a moment.", f"database: {reason}"
        )
    return error
