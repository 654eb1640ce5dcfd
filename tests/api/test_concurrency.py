"""Calls at the same moment: each lands, none is lost, nothing is there twice, and there is no 5xx."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from psycopg import sql

from dev.harness.client import Client, Response
from dev.harness.wizard import EXA, complete_step
from lib.http.turns import MOST_AT_ONCE, MOST_WAITING

USER = "user_2busy"
AT_ONCE = MOST_AT_ONCE + MOST_WAITING


def _at_once(calls: list[Callable[[], Response]]) -> list[Response]:
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Response]) -> Response:
        barrier.wait(timeout=30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def _count(database_url: str, table: str) -> int:
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT set_config('role', 'onboarding_operator', false)")
        query = sql.SQL("SELECT count(*) FROM {} WHERE user_id = %s").format(sql.Identifier(table))
        row = connection.execute(query, (USER,)).fetchone()
        assert row is not None
        return int(row[0])


def test_many_first_requests_of_one_user(http: Client, database_url: str) -> None:
    """One session, and every website that was saved is there."""
    answers = _at_once(
        [
            lambda number=number: complete_step(http, USER, 2, {"website": f"https://site{number}.example.com"})  # type: ignore[misc] # a default binds the loop's value
            for number in range(AT_ONCE)
        ]
    )
    assert {answer.status for answer in answers} == {200}
    assert _count(database_url, "onboarding_sessions") == 1
    found = http.get("/api/onboarding/style-detection/session-analyses?limit=100", user=USER).json()["analyses"]
    assert {analysis["website_url"] for analysis in found} == {
        f"https://site{number}.example.com" for number in range(AT_ONCE)
    }


def test_many_starts_of_one_new_user(http: Client, database_url: str) -> None:
    """All answer the same session."""
    answers = _at_once([lambda: http.post("/api/onboarding/start", user=USER)] * AT_ONCE)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert _count(database_url, "onboarding_sessions") == 1


def test_many_saves_of_the_same_key(http: Client, database_url: str) -> None:
    """One row, and it decrypts."""
    body = {"provider": "exa", "api_key": EXA}
    answers = _at_once([lambda: http.post("/api/onboarding/api-keys", user=USER, json=body)] * AT_ONCE)
    assert {answer.status for answer in answers} == {200}
    assert _count(database_url, "api_keys") == 1
    assert http.get("/api/onboarding/api-keys/onboarding", user=USER).json()["api_keys"] == {"exa": EXA}


@pytest.mark.parametrize("_round", range(3))
def test_steps_1_to_5_of_one_user(http: Client, _round: int) -> None:
    """Each is stored and counted, whichever comes last: no percentage is computed from a stale reading."""
    steps = list(range(1, 6)) * 4
    answers = _at_once([lambda number=number: complete_step(http, USER, number) for number in steps])  # type: ignore[misc] # a default binds the loop's value
    assert {answer.status for answer in answers} == {200}
    found = http.get("/api/onboarding/status", user=USER).json()
    assert (found["current_step"], found["next_step"]) == (6, 6)
    assert found["completion_percentage"] == pytest.approx(500 / 6)
    assert max(answer.json()["completion_percentage"] for answer in answers) == pytest.approx(500 / 6)
