"""For whom, and for how long, the statements of a request run: what is sent before and after those that do the work.

Postgres runs everything up to the Sync of a pipeline as one transaction, so a request needs no BEGIN and no COMMIT. A
scope that `begins` sends them all the same, where a transaction has to be told something that only they tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.sql import Literal

from lib.db.bound import Bound
from lib.db.guards import TOO_LATE
from lib.db.url import SEARCH_PATH

TIME_LIMIT_S = 5
"""For everything that one call of the database waits for: its turn, a connection, the statements and a retry."""

FOREVER = 4_102_444_800.0
"""The year 2100, in seconds since 1970."""

MOST_BEFORE_SCOPE = 3
"""How many statements may come before the one whose row tells of the server."""

IS_CLUSTER = "to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
"""Whether the rows may be on other servers: they are where this table of Citus is."""

_TIME_LIMIT = (
    "SELECT extract(epoch FROM clock_timestamp())::float8 AS clock, pg_backend_pid() AS backend,"
    f" {IS_CLUSTER} AS is_distributed,"
    f" set_config('statement_timeout', %(limit_ms)s, true), set_config('search_path', '{SEARCH_PATH}', true),"
    # Whatever a role's or database's defaults are: times and numbers are read as these write them, and a database
    # without row-level security is none to work with.
    " set_config('datestyle', 'ISO', true), set_config('extra_float_digits', '1', true),"
    " set_config('row_security', 'on', true)"
)
_ROLE = "set_config('role', 'onboarding_app', true)"
_USER = ", set_config('app.user_id', %(user_id)s, true)"
# A statement that is prepared is planned once. No statement of a user needs a plan for certain values: each reads that
# user's rows by a key.
_PLANNED_ONCE = ", set_config('plan_cache_mode', 'force_generic_plan', true)"
# A waiting write must see what the one before it wrote. Where the database's default is another level, this fails, and
# the write is sent once more with a BEGIN that says so.
_ISOLATION = ", set_config('transaction_isolation', 'read committed', true)"
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Citus passes on to its workers what is SET LOCAL after a BEGIN, and not what set_config() sets: row-level security
# there needs to know the user. Constants go to the workers as text: written and read with the standard's backslashes,
# whatever either server's default is, or a value could end its constant. Citus cannot make a generic plan, whatever
# the default is.
_PASSED_ON = (
    ", set_config('citus.propagate_set_commands', 'local', true), set_config('standard_conforming_strings', 'on', true)"
    ", set_config('plan_cache_mode', 'auto', true)"
)
_STANDARD_STRINGS = "SET LOCAL standard_conforming_strings TO on"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s, 0))"
# An advisory lock is each server's own. On a cluster, which may be asked at any of its servers, this one is got at the
# server that has the user's rows; no row is read for it. Another number, since that may be the server that was asked.
_LOCK_AT_ROWS = (
    "SELECT pg_advisory_xact_lock(hashtextextended(%(user_id)s::text, 1))"
    " FROM (SELECT count(*) FROM onboarding_sessions WHERE user_id = %(user_id)s::varchar) AS here"
)
# While rows move to another server, a cluster lets what changes rows wait, and not what reads. So this, which changes
# nothing, comes before that lock: the lock is got where the rows are then, and they stay until the transaction ends.
_STAY_AT_ROWS = "UPDATE onboarding_sessions SET version = version WHERE user_id = %(user_id)s::varchar AND version < 0"

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


@dataclass(frozen=True)
class Timing:
    """What the server is told of the time that is left: `done_by` by its own clock, in seconds since 1970."""

    limit_ms: int = TIME_LIMIT_S * 1000
    done_by: float = FOREVER
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
    isolation level in a BEGIN and the user in a SET of its own. `prepares` lets the server keep statements that it will
    get again. `is_repeated` says that they ran before. `lost_backend` is the server process of an attempt whose
    connection was lost: it may still have the write before it, and is ended first; with `begins` only.
    """

    user_id: str | None = None
    exclusive: bool = False
    begins: bool = False
    prepares: bool = False
    is_repeated: bool = False
    lost_backend: int | None = None
    request_id: str | None = None
    write_seed: int = 0

    @property
    def values(self) -> Mapping[str, object]:
        """What every statement may name."""
        return {"user_id": self.user_id, "request_id": self.request_id, "write_seed": self.write_seed}

    @property
    def is_for_one_server(self) -> bool:
        """Whether a cluster has to be asked in another way."""
        return self.user_id is not None and not self.begins

    def work(self, statements: Sequence[Bound[Any]]) -> Sequence[Bound[Any]]:
        """The statements that do the work."""
        return statements

    def statements(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """What is sent before the statements that do the work, but for a write's lock: see `lock`."""
        values = timing.values
        if self.user_id is None:
            return [Bound(_TIME_LIMIT, values)]
        sql = f"{_TIME_LIMIT}, {_ROLE}"
        if self.exclusive and timing.ends_transactions:
            sql += _WHOLE_TIME_LIMIT
        if not self.begins:
            sql += _USER + (_PLANNED_ONCE if self.prepares else "") + (_ISOLATION if self.exclusive else "")
            return [Bound(sql, values)]
        lost = [] if self.lost_backend is None else [Bound[Any](_END_LOST_ATTEMPT, {"backend": self.lost_backend})]
        settings = map(_command, _said_to_workers(self.user_id))
        return [_command(_BEGIN), *lost, Bound(sql + _PASSED_ON, values), *settings]

    def lock(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """The user's lock, and the check that it was not got too late, for a write."""
        if not self.exclusive:
            return []
        limit = _WHOLE_IN_TIME if timing.ends_transactions else ""
        at_rows = [Bound[Any](_STAY_AT_ROWS, {}), Bound[Any](_LOCK_AT_ROWS, {})] if self.begins else []
        return [Bound(_LOCK, {}), *at_rows, Bound(_IN_TIME + limit, timing.values)]

    def end(self, timing: Timing = DEFAULT_TIMING) -> list[Bound[Any]]:
        """What is sent after the statements that do the work."""
        is_checked = self.exclusive and not timing.ends_transactions
        check = [Bound[Any](_IN_TIME, timing.values)] if is_checked else []
        return [*check, *([_command("COMMIT")] if self.begins else [])]


def becoming(user_id: str) -> list[str]:
    """What makes the rest of a transaction that was begun run as the functions do for a user, on workers too."""
    return [f"SELECT {_ROLE}{_PASSED_ON}", *_said_to_workers(user_id)]


def _said_to_workers(user_id: str) -> list[str]:
    # A literal, since SET takes no parameter; with `E''` for a backslash, it means the same whatever the server's
    # standard_conforming_strings.
    return [_STANDARD_STRINGS, f"SET LOCAL app.user_id TO {Literal(user_id).as_string()}"]


def _command(sql: str) -> Bound[Any]:
    return Bound(sql.replace("%", "%%"), {}, is_prepared=False)
