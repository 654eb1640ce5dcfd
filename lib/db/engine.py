"""Connections: a small pool a process, and one round trip a request.

The statements of a request, its scope (role, user, time limit, and for a write the user's lock) and those that do the
work, go through psycopg's pipeline and are committed by the Sync at its end. Postgres runs everything up to a Sync as
one transaction, so there is no BEGIN and no COMMIT to wait for, and after an error Postgres skips what follows and
leaves nothing behind.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from sqlalchemy import QueuePool, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool

from lib.db.statements import Bound
from lib.db.tls import without_tls
from lib.db.url import SEARCH_PATH, libpq_url

TIME_LIMIT_S = 5
MAX_IDLE_S = 60
POOL_SIZE = 5

_TIME_LIMIT = (
    f"SELECT set_config('statement_timeout', '{TIME_LIMIT_S * 1000}', true),"
    f" set_config('search_path', '{SEARCH_PATH}', true)"
)
_SCOPE = _TIME_LIMIT + ", set_config('role', 'onboarding_app', true), set_config('app.user_id', %(user_id)s, true)"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s, 0))"

# A refused write ends its pipeline early, on purpose; psycopg warns of every pipeline that ends so.
logging.getLogger("psycopg").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Scope:
    """For whom statements run. `exclusive` makes the writes of one user wait for each other.

    Without a user they run as the login role, whom row-level security shows no user's rows.
    """

    user_id: str | None = None
    exclusive: bool = False

    def statements(self) -> list[Bound[Any]]:
        """What is sent before the statements that do the work."""
        if self.user_id is None:
            return [Bound(_TIME_LIMIT, {})]
        user = {"user_id": self.user_id}
        return [Bound(_SCOPE, user), *([Bound(_LOCK, user)] if self.exclusive else [])]


class Connection(psycopg.Connection[DictRow]):
    """A connection on which no wait for the server goes past the deadline, even if the server is silent."""

    deadline = float("inf")

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

        Raises the `psycopg.Error` of the first statement that failed.
        """
        self.deadline = time.monotonic() + TIME_LIMIT_S
        user: Mapping[str, object] = {"user_id": scope.user_id}
        cursor = self.cursor()
        with self.pipeline():
            for statement in (*scope.statements(), *statements):
                # Every statement is a constant of this package; only values come from outside.
                cursor = self.execute(statement.sql, {**statement.values, **user})
        return cursor


def build_pool(url: str) -> Pool:
    """Make the process's pool of connections; nothing is connected yet."""
    conninfo = libpq_url(url)
    pool = QueuePool(
        lambda: _connect(conninfo),
        pool_size=POOL_SIZE,
        max_overflow=0,
        timeout=TIME_LIMIT_S,
        reset_on_return=None,
        use_lifo=True,
    )
    event.listen(pool, "checkin", _note_idle_since)
    event.listen(pool, "checkout", _refuse_long_idle)
    return pool


def _connect(conninfo: str) -> Any:
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


def _note_idle_since(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _refuse_long_idle(_connection: Any, record: Any, _proxy: Any) -> None:
    # A suspended instance or database may have dropped it meanwhile; the pool opens another in its place.
    if time.monotonic() - record.info.get("idle_since", time.monotonic()) > MAX_IDLE_S:
        raise DisconnectionError
