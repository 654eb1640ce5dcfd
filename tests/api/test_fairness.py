"""One user's writes keep their order and leave room for the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from dev.harness.client import Client, Response
from dev.harness.waiting import wait_until
from lib.http import admission
from lib.http.turns import MOST_AT_ONCE, MOST_WAITING
from tests.support.inspection import Superuser
from tests.support.turns import arrived

USER, NEIGHBOUR = "user_2fair", "user_2neighbour"
BASE = "/api/onboarding"
JSON = {"Content-Type": "application/json"}
KEY = "AIza" + "0123456789abcdefghijklmnopqrst"
WAITING_FOR_A_LOCK = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
)


def save_key(http: Client, key: str, user: str = USER) -> Response:
    """Save a key of Gemini."""
    return http.post(f"{BASE}/api-keys", user=user, json={"provider": "gemini", "api_key": key})


@contextmanager
def locked(url: str, user: str) -> Iterator[None]:
    """The user's lock is held by somebody else, as by another instance."""
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [user])
        yield


def count(database: Superuser, query: str) -> int:
    """The one number that a query gives."""
    row = database.execute(query).fetchone()
    assert row is not None
    return int(str(row[0]))


@pytest.mark.parametrize("_round", range(3))
def test_a_key_that_is_saved_letter_by_letter_ends_up_whole(
    http: Client, environment: dict[str, str], _round: int
) -> None:
    """The page does not wait for its answers: every letter is a 200, and the last one is what is stored."""
    letters = [KEY[:end] for end in range(len(KEY) - 29, len(KEY) + 1)]
    with ThreadPoolExecutor(len(letters)) as pool:
        with locked(environment["DATABASE_URL"], USER):
            answers = []
            for number, letter in enumerate(letters, 1):
                answers.append(pool.submit(save_key, http, letter))
                wait_until(lambda number=number: arrived(USER) == number)  # type: ignore[misc] # a default binds it
        assert {answer.result().status for answer in answers} == {200}
    stored = http.get(f"{BASE}/api-keys/onboarding", user=USER).json()["api_keys"]
    assert stored == {"gemini": KEY}


def test_writes_that_wait_for_their_turn_hold_no_connection(
    http: Client, database: Superuser, environment: dict[str, str]
) -> None:
    """20 writes of a user whose lock is taken: one of them waits in the database, and the neighbours are served."""
    with ThreadPoolExecutor(20) as pool:
        with locked(environment["DATABASE_URL"], USER):
            answers = [pool.submit(save_key, http, KEY) for _ in range(20)]
            wait_until(lambda: count(database, WAITING_FOR_A_LOCK) == 1)
            for number in range(10):
                assert save_key(http, KEY, f"{NEIGHBOUR}_{number}").status == 200
                assert http.get(f"{BASE}/status", user=USER).status == 200
            assert count(database, WAITING_FOR_A_LOCK) == 1
        assert {answer.result().status for answer in answers} == {200}


def test_a_33rd_waiting_write_is_a_429_that_says_when_to_try_again(
    http: Client, environment: dict[str, str], database: Superuser
) -> None:
    """Two at a time and 32 waiting are taken; the next one is told so at once."""
    most = MOST_AT_ONCE + MOST_WAITING
    with ThreadPoolExecutor(most) as pool:
        with locked(environment["DATABASE_URL"], USER):
            answers = [pool.submit(save_key, http, KEY) for _ in range(most)]
            refused: list[Response] = []

            def is_refused() -> bool:
                answer = http.post(f"{BASE}/api-keys", user=USER, json={"provider": "none", "api_key": KEY})
                refused.append(answer)
                return answer.status == 429

            wait_until(is_refused)
        assert {answer.result().status for answer in answers} == {200}
    assert refused[-1].headers["Retry-After"] == "1"
    assert refused[-1].headers["Content-Type"] == "application/problem+json"
    assert refused[-1].json()["code"] == "too_many_requests"
    assert save_key(http, KEY).status == 200


def test_large_uploads_leave_connections_for_small_requests(
    http: Client, database: Superuser, environment: dict[str, str]
) -> None:
    """Of 6 bodies of 3.9 MB at once, 3 are taken in until others are done: the neighbours are served meanwhile."""
    large = json.dumps({"data": {"email": "a@example.com"}}).encode() + b" " * 3_900_000
    users = [f"user_2large_{number}" for number in range(6)]
    with ThreadPoolExecutor(len(users)) as pool:
        with ExitStack() as locks:
            for user in users:
                locks.enter_context(locked(environment["DATABASE_URL"], user))
            uploads = [
                pool.submit(http.post, f"{BASE}/step/5/complete", user=user, body=large, headers=JSON) for user in users
            ]
            wait_until(lambda: count(database, WAITING_FOR_A_LOCK) == 3)
            for number in range(10):
                assert save_key(http, KEY, f"{NEIGHBOUR}_{number}").status == 200
            assert count(database, WAITING_FOR_A_LOCK) == 3
        assert {upload.result().status for upload in uploads} == {200}


def test_one_users_reads_leave_room_for_the_others(http: Client, environment: dict[str, str]) -> None:
    """Whoever has very many requests under way gets a 429 for the next; the others are served as if they were alone."""
    with ThreadPoolExecutor(admission.MOST_AT_ONCE + 1) as pool:
        with psycopg.connect(environment["DATABASE_URL"]) as other:
            other.execute("LOCK TABLE onboarding_sessions IN ACCESS EXCLUSIVE MODE")
            reads = [pool.submit(http.get, f"{BASE}/status", user=USER) for _ in range(admission.MOST_AT_ONCE)]
            wait_until(lambda: admission._by_user._under_way[USER] == admission.MOST_AT_ONCE)
            refused = http.get(f"{BASE}/status", user=USER)
            neighbours = pool.submit(http.get, f"{BASE}/status", user=NEIGHBOUR)
            wait_until(lambda: admission._by_user._under_way[NEIGHBOUR] == 1)
        assert {read.result().status for read in reads} <= {200, 503}
        assert neighbours.result().status == 200
    assert (refused.status, refused.json()["code"], refused.headers["Retry-After"]) == (429, "too_many_requests", "1")
    assert http.get(f"{BASE}/status", user=USER).status == 200
