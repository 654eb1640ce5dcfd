"""States of the server that are nobody's fault who calls: a 503 that says when to try again, and no longer than 5 s."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from dev.harness.client import Client
from dev.harness.in_process import InProcess
from dev.harness.wizard import complete_step
from lib import bootstrap
from lib.db.bound import Bound
from lib.db.database import _translated
from lib.db.engine import POOL_SIZE
from lib.errors import InvalidData, Unavailable
from tests.reliability.faulty_line import FaultyLine
from tests.reliability.stopping_backends import backends
from tests.support.inspection import Superuser

BASE = "/api/onboarding"
USER = "user_2states"
LEVEL: Bound[dict[str, str]] = Bound("SHOW transaction_isolation", {})


def set_default(database: Superuser, name: str, value: str) -> None:
    """Give the database another default, and open its connections anew."""
    setting = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
        sql.Identifier(database.info.dbname), sql.Identifier(name), sql.Literal(value)
    )
    database.execute(setting)
    bootstrap.reset()


def test_a_read_only_database_is_a_503_until_it_is_not(calls: Client, database: Superuser) -> None:
    """A failover's standby: reads go on, writes are told to try again."""
    assert complete_step(calls, USER, 5, {"n": 1}).status == 200
    set_default(database, "default_transaction_read_only", "on")
    refused = complete_step(calls, USER, 5, {"n": 2})
    assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (503, True)
    assert calls.get(f"{BASE}/step/5", user=USER).json()["data"] == {"n": 1}
    set_default(database, "default_transaction_read_only", "off")
    assert complete_step(calls, USER, 5, {"n": 3}).status == 200


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_another_default_isolation_breaks_neither_lock_nor_upserts(
    calls: Client, database: Superuser, level: str
) -> None:
    """Writes of one user at once, from two instances: each waits for the other and sees what it wrote."""
    set_default(database, "default_transaction_isolation", level)
    shown = bootstrap.database().write_and_read(USER, [], LEVEL)
    assert shown == [{"transaction_isolation": "read committed"}]
    with ThreadPoolExecutor(12) as pool:
        answers = pool.map(lambda number: complete_step(calls, USER, 1 + number % 5), range(24))
        others = pool.map(lambda number: complete_step(calls, f"{USER}_{number}", 5), range(12))
        assert {answer.status for answer in (*answers, *others)} == {200}
    assert calls.get(f"{BASE}/status", user=USER).json()["current_step"] == 6


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_any_user_id_is_set_as_it_is_where_a_transaction_begins_with_BEGIN(
    calls: Client, database: Superuser, conforming: str
) -> None:
    """The id stands in a SET as a constant then: quotes, backslashes and percent signs in it mean nothing."""
    set_default(database, "default_transaction_isolation", "repeatable read")
    set_default(database, "standard_conforming_strings", conforming)
    users = ["o'neill", "back\\slash", "\\'; RESET ROLE; --", "100%(user_id)s %% $1", "''", "\\"]
    for number, user in enumerate(users):
        assert complete_step(calls, user, 5, {"n": number}).status == 200, user
    shown = [calls.get(f"{BASE}/step/5", user=user).json()["data"] for user in users]
    assert shown == [{"n": number} for number in range(len(users))]


STATES = """25006 25P02 25P04 53000 53100 53200 53300 57P01 57P02 57P03 57P05 57014 72000 XX000 XX001 XX002
08006 08P01 0A000 40001 40P01 55P03 58030 99999"""


@pytest.mark.parametrize("code", STATES.split())
def test_a_state_of_the_server_is_unavailable(code: str) -> None:
    """None of them is a 500, known to the driver or not."""
    try:
        kind: type[psycopg.Error] = psycopg.errors.lookup(code)
    except KeyError:
        kind = psycopg.DatabaseError
    assert isinstance(_translated(kind("of a server"), is_write=True), Unavailable)


def test_what_is_wrong_with_data_or_with_us_is_not_the_server_s_state() -> None:
    """Data that Postgres cannot hold is a 422; a mistake of ours stays what it is, and so a 500."""
    assert isinstance(_translated(psycopg.errors.NumericValueOutOfRange(), is_write=True), InvalidData)
    for mistake in (psycopg.errors.SyntaxError(), psycopg.errors.CheckViolation()):
        assert _translated(mistake, is_write=True) is mistake


@pytest.mark.slow
def test_after_a_silence_no_idle_connection_costs_a_second_wait(
    calls: InProcess, line: FaultyLine, database: Superuser, quick_limit: float
) -> None:
    """Every connection of the pool leads over the line that fell silent: one request finds out for all."""
    with ThreadPoolExecutor(POOL_SIZE) as pool:
        while len(backends(database)) < POOL_SIZE:
            [*pool.map(lambda number: calls.get(f"{BASE}/status", user=f"{USER}_{number}"), range(4 * POOL_SIZE))]
    line.stall_every_connection()
    began = time.monotonic()
    assert calls.get(f"{BASE}/status", user=USER).status == 503
    assert time.monotonic() - began < quick_limit + 1
    with ThreadPoolExecutor(2 * POOL_SIZE) as pool:
        # More at once than there are connections, so that every place of the pool is used.
        answers = pool.map(lambda number: complete_step(calls, f"{USER}_{number}", 5).status, range(4 * POOL_SIZE))
        assert {*answers} == {200}


@pytest.mark.slow
def test_waiting_for_everything_together_takes_no_longer_than_the_limit(
    calls: InProcess, line: FaultyLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a line that answers nothing: what waited for a connection first has less time for opening one."""
    limit = 1.0
    monkeypatch.setattr("lib.db.engine.TIME_LIMIT_S", limit)
    line.is_silent = True

    def timed(number: int) -> tuple[int, float]:
        time.sleep(limit / 2 * (number // POOL_SIZE))  # they come one pool after the other
        began = time.monotonic()
        return complete_step(calls, f"{USER}_{number}", 5).status, time.monotonic() - began

    with ThreadPoolExecutor(4 * POOL_SIZE) as pool:
        answers = [*pool.map(timed, range(4 * POOL_SIZE))]
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < limit + 0.8
    line.mend()
    assert complete_step(calls, USER, 5).status == 200
