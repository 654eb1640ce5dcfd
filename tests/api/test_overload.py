"""An instance that cannot keep up refuses whoever would wait for long, and goes on serving those who wait already."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from dev.harness.client import Client
from dev.harness.waiting import wait_until
from lib import bootstrap
from lib.db.engine import POOL_SIZE
from lib.http import admission
from lib.http.crowd import CROWD, MOST_WORKING

RESET = "/api/onboarding/reset"
STATUS = "/api/onboarding/status"
FEW = 8


def test_more_than_may_wait_are_refused_at_once_and_the_waiting_are_served(
    http: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection is busy and the queue is full: the next is a 503 that says when to come again, nobody else is."""
    monkeypatch.setattr("lib.db.slots.MOST_WAITING", FEW)
    assert http.get(STATUS, user="user_2first").status == 200
    slots = bootstrap.database()._slots
    with ThreadPoolExecutor(POOL_SIZE + FEW) as pool:
        with psycopg.connect(environment["DATABASE_URL"]) as other:
            other.execute("LOCK TABLE onboarding_sessions IN ACCESS EXCLUSIVE MODE")
            answers = [pool.submit(http.get, STATUS, user=f"user_2busy{number}") for number in range(POOL_SIZE + FEW)]
            wait_until(lambda: slots.waiting == FEW)
            refused = http.get(STATUS, user="user_2late")
            assert slots.waiting == FEW, "the others wait on"
        assert {answer.result().status for answer in answers} == {200}
    assert refused.status == 503
    assert refused.headers["Retry-After"]
    assert refused.json()["code"] == "unavailable"
    assert http.get(STATUS, user="user_2late").status == 200


@pytest.fixture
def busy() -> Iterator[ExitStack]:
    """The process works on as many requests as it may, until this is closed."""
    with ExitStack() as stack:
        for _ in range(MOST_WORKING):
            stack.enter_context(CROWD.joined())
        yield stack


def test_more_than_an_instance_can_work_on_wait_and_more_than_may_wait_are_refused(
    http: Client, busy: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few wait in order of arrival; the next learns at once when to come again."""
    monkeypatch.setattr("lib.http.crowd.MOST_WAITING", FEW)
    with ThreadPoolExecutor(FEW) as pool:
        waiting = [pool.submit(http.get, STATUS, user=f"user_2busy{number}") for number in range(FEW)]
        wait_until(lambda: CROWD.counts == (MOST_WORKING, FEW))
        refused = http.get(STATUS, user="user_2late")
        assert (refused.status, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["Retry-After"]
        busy.close()
        assert {answer.result().status for answer in waiting} == {200}
    assert http.get(STATUS, user="user_2late").status == 200
    wait_until(lambda: CROWD.counts == (0, 0))


def test_whoever_waits_for_long_is_refused(http: Client, busy: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits on and on for an instance that hangs."""
    monkeypatch.setattr("lib.http.crowd.LONGEST_WAIT_S", 0.1)
    assert http.get(STATUS, user="user_2late").status == 503
    busy.close()
    assert http.get(STATUS, user="user_2late").status == 200


def test_writes_that_wait_for_their_turn_keep_nobody_out(
    http: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One user's queue is their own affair: it costs no work, and others are served meanwhile."""
    monkeypatch.setattr(CROWD._places, "_places", FEW)
    user = "user_2letters"
    assert http.post(RESET, user=user).status == 200
    with ThreadPoolExecutor(2 * FEW) as pool:
        with psycopg.connect(environment["DATABASE_URL"]) as other:
            other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [user])
            answers = [pool.submit(http.post, RESET, user=user) for _ in range(2 * FEW)]
            wait_until(lambda: _waiting(user) > FEW)
            assert http.get(STATUS, user="user_2other").status == 200
            assert http.post(RESET, user="user_2other").status == 200
        assert {answer.result().status for answer in answers} <= {200, 429, 503}


def _waiting(user: str) -> int:
    queue = admission._turns._queues.get(user)
    return sum(ticket.is_waiting for ticket in queue.tickets) if queue else 0
