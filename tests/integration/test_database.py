"""One call is one transaction, for one user."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dev.harness.postgres import throwaway_postgres
from dev.local_postgres import LocalPostgres
from lib.db import accounts, sessions, steps
from lib.db.bound import Bound
from lib.db.database import Database
from lib.db.engine import ANSWER_TIME_S, build_pool
from lib.db.scope import TIME_LIMIT_S
from lib.errors import InvalidData, Unauthenticated, Unavailable
from lib.steps.definitions import INTEGRATIONS

USER = "user_2db"


def sql(text: str, **values: object) -> Bound[dict[str, Any]]:
    """A statement of a test's own."""
    return Bound(text, values)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database as a function opens it."""
    opened = Database(build_pool(database_url))
    yield opened
    opened.close()


def _is_new(database: Database, user_id: str = USER) -> bool:
    return sessions.load(database, user_id).session_id is None


def test_what_a_write_returned_is_committed(database: Database, database_url: str) -> None:
    """Another connection sees it at once."""
    sessions.start(database, USER)
    other = Database(build_pool(database_url))
    assert not _is_new(other)
    other.close()


def test_a_statement_that_fails_leaves_nothing_behind(database: Database) -> None:
    """The session that a statement before it made is gone with it, and the next call works."""
    broken = sql(
        """
        INSERT INTO onboarding_steps (user_id, session_id, step_key)
        SELECT user_id, id, '' FROM onboarding_sessions WHERE user_id = %(user_id)s
        """
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        database.write(USER, [*sessions.ensured(), broken])
    assert _is_new(database)
    sessions.start(database, USER)


def test_a_connection_serves_one_user_after_another(database: Database) -> None:
    """The user of one request is nobody in the next."""
    for number in range(20):
        sessions.start(database, f"user_{number}")
    assert [_is_new(database, f"user_{number}") for number in range(21)] == [False] * 20 + [True]


def test_a_statement_without_a_user_sees_no_row(database: Database) -> None:
    """Row-level security holds for the login role too."""
    sessions.start(database, USER)
    assert database.read_unscoped(sql("SELECT * FROM onboarding_sessions")) == []


def test_an_erased_account_cannot_write_again(database: Database) -> None:
    """A token that outlives its user brings nothing back."""
    sessions.start(database, USER)
    assert accounts.delete_for_good(database, USER, "msg_1")
    with pytest.raises(Unauthenticated):
        sessions.start(database, USER)
    with pytest.raises(Unauthenticated):
        steps.complete(database, USER, INTEGRATIONS, {}, [])
    assert _is_new(database)


def test_a_value_that_postgres_cannot_hold_is_the_sender_s_error(database: Database) -> None:
    """A number with more digits than NUMERIC takes, for one."""
    with pytest.raises(InvalidData):
        database.write(USER, [sql("SELECT CAST(%(value)s AS jsonb)", value="9" * 140_000)])


@pytest.mark.slow
def test_a_slow_statement_is_given_up(database: Database) -> None:
    """Postgres itself stops it at the time limit, and the next request is served."""
    with pytest.raises(Unavailable, match="database"):
        database.read(USER, sql("SELECT pg_sleep(60)"))
    sessions.start(database, USER)


def test_the_time_limit_is_the_contract_s(database: Database) -> None:
    """What is left of 5 seconds once its answer can still arrive, whatever the server's default is."""
    left = database.read(USER, sql("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"))
    assert 4_000 < left[0]["setting"] <= 1_000 * (TIME_LIMIT_S - ANSWER_TIME_S)


@pytest.fixture(scope="module")
def fragile_postgres() -> Iterator[LocalPostgres]:
    """A server of this module's own, to be stopped."""
    with throwaway_postgres() as server:
        yield server


def test_an_outage_is_unavailable_and_over_when_the_database_is_back(fragile_postgres: LocalPostgres) -> None:
    """Connections that were open when the server went are replaced without a restart of the process."""
    database = Database(build_pool(fragile_postgres.create_database("outage")))
    one = sql("SELECT 1 AS one")
    assert database.read_unscoped(one) == [{"one": 1}]
    fragile_postgres.stop()
    with pytest.raises(Unavailable):
        database.read_unscoped(one)
    fragile_postgres.start()
    assert database.read_unscoped(one) == [{"one": 1}]
    database.close()


def test_a_connection_that_the_server_dropped_is_replaced_unseen(database: Database, database_url: str) -> None:
    """The statement that meets it is tried once more on a new one."""
    sessions.start(database, USER)
    with psycopg.connect(database_url) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert not _is_new(database)


def test_a_connection_idle_for_over_a_minute_is_thrown_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suspended host may have dropped it; a young one is used again."""
    backend = sql("SELECT pg_backend_pid() AS pid")
    first = database.read_unscoped(backend)
    assert database.read_unscoped(backend) == first
    monkeypatch.setattr("lib.db.pool.MAX_IDLE_S", 0)
    assert database.read_unscoped(backend) != first
