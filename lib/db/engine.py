"""Connections: one engine a process, a small pool, and one wire turn a statement.

A connection stays in pipeline mode for life. The statements that a request sends, its scope (role, user, time limit,
and for a write the user's lock) and the one that does the work, go out together and are committed by one Sync. Postgres
runs everything up to a Sync as one transaction, so there is no BEGIN and no COMMIT to wait for, and a statement that
fails leaves nothing behind.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

from lib.db.url import libpq_url

TIME_LIMIT_S = 5
MAX_IDLE_S = 60
POOL_SIZE = 5

_TIME_LIMIT = f"SELECT set_config('statement_timeout', '{TIME_LIMIT_S * 1000}', true)".encode()
_SCOPE = _TIME_LIMIT + b", set_config('role', 'onboarding_app', true), set_config('app.user_id', $1, true)"
_LOCK = b"SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


@dataclass(frozen=True)
class Scope:
    """For whom a statement runs. `exclusive` makes the writes of one user wait for each other.

    Without a user the statement runs as the login role, whom row-level security shows no user's rows.
    """

    user_id: str | None = None
    exclusive: bool = False


class OneTurn(psycopg.Pipeline):
    """Holds everything back until the Sync, so that a request leaves in one piece: one write, one wait.

    psycopg's own pipeline writes and polls once for each statement, which takes a quarter more processor time.
    """

    def queue(self, statement: bytes, *values: str) -> None:
        """Add a statement with parameters `$1`, … whose rows nobody reads. An error in it fails the whole request."""
        encoded = [value.encode() for value in values]
        self.command_queue.append(partial(self.pgconn.send_query_params, statement, encoded))
        self.result_queue.append(None)

    def _communicate_gen(self) -> Any:
        yield from ()

    def _sync_gen(self) -> Any:
        self._enqueue_sync()
        commands = [*self.command_queue]
        self.command_queue.clear()
        self.command_queue.append(partial(_call_all, commands))
        yield from super()._communicate_gen()
        yield from self._fetch_gen(flush=False)


def _call_all(commands: Sequence[Callable[[], None]]) -> None:
    for command in commands:
        command()


class Connection(psycopg.Connection[Any]):
    """A connection in pipeline mode on which no wait for the server outlasts the time limit, even a silent one."""

    turn: OneTurn

    def enter_pipeline_mode(self) -> None:
        """Stay in pipeline mode for life. psycopg's own `pipeline()` ends the mode once its context is collected."""
        self._pipeline = self.turn = OneTurn(self)
        self.turn.__enter__()

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server, `TIME_LIMIT_S` seconds at most."""
        return super().wait(gen, interval, timeout or TIME_LIMIT_S)


def build_engine(url: str) -> Engine:
    """Make the process's engine; nothing is connected yet."""
    conninfo = libpq_url(url)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connect(conninfo),
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=TIME_LIMIT_S,
        pool_reset_on_return=None,
        pool_use_lifo=True,
        skip_autocommit_rollback=True,
        hide_parameters=True,
        # The dialect's own look-ups on a first connection cost up to ten turns; plain SQL needs none of them.
        _initialize=False,
    )
    event.listen(engine, "do_execute", _execute_in_scope)
    event.listen(engine, "checkin", _note_idle_since)
    event.listen(engine, "checkout", _refuse_long_idle)
    return engine


def _connect(conninfo: str) -> Connection:
    # A transaction-mode pooler does not keep prepared statements, hence no threshold.
    connection = Connection.connect(
        conninfo, autocommit=True, prepare_threshold=None, connect_timeout=TIME_LIMIT_S, application_name="onboarding"
    )
    connection.enter_pipeline_mode()
    return connection


def _execute_in_scope(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    scope: Scope = context.execution_options["scope"]
    turn: OneTurn = cursor.connection.turn
    if scope.user_id is None:
        turn.queue(_TIME_LIMIT)
    else:
        turn.queue(_SCOPE, scope.user_id)
        if scope.exclusive:
            turn.queue(_LOCK, scope.user_id)
    cursor.execute(statement, parameters)
    turn.sync()
    return True


def _note_idle_since(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _refuse_long_idle(_connection: Any, record: Any, _proxy: Any) -> None:
    # A suspended instance or database may have dropped it meanwhile; SQLAlchemy opens another in its place.
    if time.monotonic() - record.info.get("idle_since", time.monotonic()) > MAX_IDLE_S:
        raise DisconnectionError
