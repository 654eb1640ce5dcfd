"""An instance that cannot keep up refuses whoever would wait for long, and goes on serving those who wait already."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dev.harness.client import Client
from dev.harness.waiting import wait_until
from lib import bootstrap
from lib.db.engine import POOL_SIZE

STATUS = "/api/onboarding/status"
FEW = 8


def test_more_than_may_wait_are_refused_at_once_and_the_waiting_are_served(
    http: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection is busy and the queue is full: the next is a 503 that says when to come again, nobody else is."""
    monkeypatch.setattr("lib.db.slots.MOST_WAITING", FEW)
    assert http.get(STATUS, user="user_2first").status == 200
    waiting = bootstrap.database()._slots._waiting
    with ThreadPoolExecutor(POOL_SIZE + FEW) as pool:
        with psycopg.connect(environment["DATABASE_URL"]) as other:
            other.execute("LOCK TABLE onboarding_sessions IN ACCESS EXCLUSIVE MODE")
            answers = [pool.submit(http.get, STATUS, user=f"user_2busy{number}") for number in range(POOL_SIZE + FEW)]
            wait_until(lambda: len(waiting) == FEW)
            refused = http.get(STATUS, user="user_2late")
            assert len(waiting) == FEW, "the others wait on"
        assert {answer.result().status for answer in answers} == {200}
    assert refused.status == 503
    assert refused.headers["Retry-After"]
    assert refused.json()["code"] == "unavailable"
    assert http.get(STATUS, user="user_2late").status == 200
