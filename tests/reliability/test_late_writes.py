"""A write that was answered 503 never happens later, and one that is stuck half-way holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from dev.harness.client import Client, Response
from dev.harness.in_process import InProcess
from dev.harness.waiting import wait_until
from dev.harness.wizard import complete_step
from lib.db import database as module
from lib.db import engine
from lib.db.engine import ANSWER_TIME_S
from tests.reliability.faulty_line import FaultyLine
from tests.reliability.stopping_backends import backends, stopped
from tests.support.inspection import Superuser

BASE = "/api/onboarding"
READING = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND wait_event = 'ClientRead'
"""
LOCKS = "SELECT FROM pg_locks WHERE locktype = 'advisory'"
USERS = 24
ROUNDS = 2


def save(calls: Client, user: str, value: str) -> Response:
    """Write a value that a later write replaces."""
    return complete_step(calls, user, 5, {"email": f"{user}@example.com", "value": value})


def saved(calls: Client, user: str) -> object:
    """The value that is stored."""
    data = calls.get(f"{BASE}/step/5", user=user).json()["data"]
    return data and data["value"]


def are_gone(processes: list[int], database: Superuser) -> bool:
    """Whether none of the server's processes is left."""
    return not {*processes} & {*backends(database)}


def hard_reset(calls: Client, user: str) -> Response:
    """The write that erases everything."""
    return calls.post(f"{BASE}/reset?hard=true", user=user, json={})


@pytest.mark.slow
@pytest.mark.parametrize("late", [lambda calls, user: save(calls, user, "late"), hard_reset], ids=["save", "reset"])
def test_a_write_answered_503_never_overwrites_a_later_one(
    calls: InProcess,
    database: Superuser,
    quick_limit: float,
    monkeypatch: pytest.MonkeyPatch,
    late: Callable[[Client, str], Response],
) -> None:
    """The database stops for longer than callers wait, while newer writes are stored: none of the late ones happens."""
    monkeypatch.setattr(engine, "POOL_SIZE", USERS)
    monkeypatch.setattr(module, "POOL_SIZE", USERS)
    everybody = [f"user_2late_{number}" for number in range(USERS)]
    with ThreadPoolExecutor(USERS) as pool:
        barrier = threading.Barrier(USERS)

        def save_at_once(user: str) -> int:
            barrier.wait(30)
            return save(calls, user, "early").status

        for _ in range(ROUNDS):
            assert {*pool.map(save_at_once, everybody)} == {200}
            processes = backends(database)
            users = everybody[: len(processes)]  # a save that came late may have found a connection that was free again
            assert len(users) > USERS / 2
            with stopped(processes):
                began = time.monotonic()
                assert {*pool.map(lambda user: late(calls, user).status, users)} == {503}
                assert time.monotonic() - began < quick_limit + 1
                # On connections of their own, which lead to processes that are not stopped.
                assert {*pool.map(lambda user: save(calls, user, "newest").status, users)} == {200}
            wait_until(partial(are_gone, processes, database))  # they have done what they were going to do
            assert {*pool.map(lambda user: saved(calls, user), users)} == {"newest"}


def test_a_lost_connection_s_write_does_not_happen_after_its_retry(
    calls: InProcess, line: FaultyLine, database: Superuser
) -> None:
    """The server process that still has the first attempt before it is ended by the second one."""
    user = "user_2lost"
    assert save(calls, user, "early").status == 200
    answers: list[int] = []
    (backend,) = backends(database)
    line.mend()
    with stopped([backend]):
        writing = threading.Thread(target=lambda: answers.append(save(calls, user, "retried").status))
        writing.start()
        wait_until(lambda: _has_unread(line))
        line.hang_up_on_clients()
        writing.join()
        assert answers == [200]
        assert save(calls, user, "newest").status == 200
    wait_until(lambda: backend not in backends(database))
    assert saved(calls, user) == "newest"


@pytest.mark.slow
def test_a_write_that_was_lost_and_cannot_be_repeated_is_answered_once_it_cannot_happen(
    calls: InProcess, line: FaultyLine, database: Superuser, quick_limit: float
) -> None:
    """The server may have it until its deadline: the 503 comes behind that, and so does the user's next write."""
    user = "user_2unanswered"
    assert save(calls, user, "early").status == 200
    (backend,) = backends(database)
    line.mend()
    answers: list[int] = []
    with stopped([backend]):
        began = time.monotonic()
        writing = threading.Thread(target=lambda: answers.append(save(calls, user, "late").status))
        writing.start()
        wait_until(lambda: _has_unread(line))
        line.refuses = True
        line.hang_up_on_clients()
        writing.join()
        assert answers == [503]
        assert time.monotonic() - began >= quick_limit - ANSWER_TIME_S
        line.mend()
        assert save(calls, user, "newest").status == 200
    wait_until(lambda: backend not in backends(database))
    assert saved(calls, user) == "newest"


def _has_unread(line: FaultyLine) -> bool:
    return line.bytes_up_since_mended > 0


@pytest.mark.slow
@pytest.mark.parametrize("size", [20_000, 150_000])
def test_a_write_that_is_stuck_half_way_keeps_nobody_waiting(
    calls: InProcess, line: FaultyLine, database: Superuser, quick_limit: float, size: int
) -> None:
    """Its caller gets a 503; meanwhile the server holds no lock for it, so that the user's next writes succeed."""
    user = "user_2stuck"
    assert save(calls, user, "early").status == 200
    line.stall_after(size - 2_000)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(save, calls, user, "x" * size)
        wait_until(lambda: line.has_stalled and database.execute(READING).fetchall())
        assert database.execute(LOCKS).fetchall() == []
        assert stuck.result().status == 503
    for number in range(3):
        began = time.monotonic()
        assert save(calls, user, f"next {number}").status == 200
        assert time.monotonic() - began < quick_limit / 2
    assert saved(calls, user) == "next 2"


@pytest.mark.slow
def test_a_server_ends_a_transaction_whose_last_bytes_never_arrive(
    calls: InProcess, line: FaultyLine, database: Superuser, quick_limit: float
) -> None:
    """Stuck behind the lock: Postgres 17 and newer give the lock back by the write's own deadline."""
    user = "user_2tail"
    assert save(calls, user, "early").status == 200
    line.mend()
    assert save(calls, user, "measured").status == 200
    line.stall_after(line.bytes_up_since_mended - 50)
    assert save(calls, user, "stuck it").status == 503
    assert save(calls, user, "newest").status == 200
    assert saved(calls, user) == "newest"
