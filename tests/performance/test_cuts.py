"""A connection that breaks at any byte, an error in the middle of a pipeline, and a server that falls silent."""

from __future__ import annotations

import pytest

from dev.harness.client import Client, Response
from dev.harness.wire import Direction, Wire, messages
from dev.harness.wizard import WEBSITE, complete_step, walk
from dev.local_postgres import LocalPostgres
from lib import bootstrap
from lib.db.scope import TIME_LIMIT_S, Scope
from tests.support.inspection import Superuser, contents, superuser

USER = "user_2cut"
BASE = "/api/onboarding"
SAMPLES = 60
"""How many bytes of a direction a connection is cut at, spread evenly, beside both ends."""


def save(calls: Client) -> Response:
    """A write to three tables."""
    return complete_step(calls, USER, 2)


def counted(calls: Client, line: Wire) -> dict[Direction, int]:
    """How many bytes the write takes each way on a warm connection, up to the Sync that commits it."""
    save(calls)
    line.start_recording()
    save(calls)
    sizes: dict[Direction, int] = {"up": 0, "down": 0}
    for direction, data in line.transcript:
        sizes[direction] += len(data)
    return sizes


def places(size: int) -> list[int]:
    """Bytes to cut at, from none to all of them."""
    return sorted({*range(0, size, max(1, size // SAMPLES)), 1, size - 1, size})


def rows_of(database: Superuser, user: str) -> dict[str, int]:
    """How many rows each table has of a user, all at one moment; tables without one are left out."""
    with database.transaction():
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = {name: sum(user in row for row in rows) for name, rows in contents(database).items()}
    return {name: count for name, count in found.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_request_whose_connection_breaks_anywhere_is_answered_by_another(
    calls: Client, line: Wire, direction: Direction
) -> None:
    """Before the commit or after it: the caller gets the right answer, and the write is there once."""
    expected = {"message", "step_number", "data", "current_step", "completion_percentage", "version", "warnings"}
    for place in places(counted(calls, line)[direction]):
        line.cut_after(direction, place)
        response = save(calls)
        assert response.status == 200, (place, response.text)
        assert response.json().keys() == expected
        assert response.json()["data"] == WEBSITE
        line.mend()
    analyses = calls.get(f"{BASE}/style-detection/session-analyses", user=USER).json()["analyses"]
    assert [one["website_url"] for one in analyses] == [WEBSITE["website"]]


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_request_cut_for_good_is_a_503_with_all_of_it_or_nothing(
    calls: Client,
    line: Wire,
    direction: Direction,
    postgres: LocalPostgres,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No second connection either: the answer is 503, and session, step and analysis agree on whether it happened."""
    monkeypatch.setattr("lib.db.engine.TIME_LIMIT_S", 1.5)  # each of these writes is answered at its deadline
    size = counted(calls, line)[direction]
    outcomes = set()
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        for number, place in enumerate(places(size)[::6]):
            user = f"user_2cut_{number:03}"
            calls.get(f"{BASE}/status", user=user)  # a connection is open
            line.cut_after(direction, place, for_good=True)
            assert complete_step(calls, user, 2).status == 503, place
            line.mend()
            found = rows_of(database, user)
            outcomes.add(frozenset(found))
            events = found.pop("onboarding_events", 0)
            assert set(found.values()) <= {1}
            assert events == (3 if found else 0)  # begun, an analysis saved, a step completed
    written = frozenset({"onboarding_events", "onboarding_sessions", "onboarding_steps", "website_analyses"})
    assert outcomes <= {frozenset(), written}
    assert direction == "up" or len(outcomes) == 1, "an answer that is cut was committed before it"


def test_finishing_that_is_cut_after_its_commit_keeps_its_moment(calls: Client, line: Wire) -> None:
    """The retry of a finished `complete` answers the moment of the first, not a second one."""
    walk(calls, USER, 1, 2, 3)
    line.cut_after("down", 1)
    finished = calls.post(f"{BASE}/complete", user=USER, json={}).json()["completed_at"]
    line.mend()
    assert calls.get(f"{BASE}/status", user=USER).json()["completed_at"] == finished
    assert calls.post(f"{BASE}/complete", user=USER, json={}).json()["completed_at"] == finished


def test_an_error_inside_a_pipeline_leaves_nothing_and_harms_nobody(
    calls: Client, postgres: LocalPostgres, environment: dict[str, str]
) -> None:
    """Postgres refuses the last of three tables: the first two stay empty, and the next request is served."""
    refusal = "ALTER TABLE website_analyses ADD CONSTRAINT refused CHECK (website_url <> 'https://refused.example')"
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        database.execute(refusal)
        data = {**WEBSITE, "website": "https://refused.example"}
        assert complete_step(calls, USER, 2, data).status == 500
        assert not [rows for name, rows in contents(database).items() if rows and name != "alembic_version"]
    assert calls.get(f"{BASE}/status", user="user_2next").json()["current_step"] == 1
    assert save(calls).status == 200


def test_an_error_in_the_scope_stops_the_statement_behind_it(
    calls: Client, monkeypatch: pytest.MonkeyPatch, postgres: LocalPostgres, environment: dict[str, str]
) -> None:
    """Without its role a statement does not run at all, not even as the more powerful login role."""
    monkeypatch.setattr("lib.db.scope._USER", ", set_config('role', 'no_such_role', true), %(user_id)s::text")
    assert save(calls).status == 503
    monkeypatch.undo()
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        assert not contents(database)["onboarding_sessions"]


@pytest.mark.slow
def test_a_server_that_falls_silent_is_a_503(calls: Client, line: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait for the database outlasts the time limit, on an open connection or on a new one, and none is retried."""
    monkeypatch.setattr("lib.db.engine.TIME_LIMIT_S", 1)
    assert calls.get(f"{BASE}/status", user=USER).status == 200
    line.fall_silent()
    line.start_recording()
    assert calls.get(f"{BASE}/status", user=USER).status == 503
    sent = b"".join(data for direction, data in line.transcript if direction == "up")
    assert [*messages(sent)].count("S") == 1, "it was sent once"
    assert _connecting(calls) == 503
    line.mend()
    assert calls.get(f"{BASE}/status", user=USER).status == 200


def _connecting(calls: Client) -> int:
    bootstrap.reset()
    return calls.get(f"{BASE}/status", user=USER).status


def test_the_time_limit_is_the_contracts() -> None:
    """Five seconds, for a wait on the wire and for the server's own work."""
    assert TIME_LIMIT_S == 5
    for scope in (Scope(), Scope("user_2cut"), Scope("user_2cut", exclusive=True)):
        (first,) = scope.statements()
        assert "set_config('statement_timeout', %(limit_ms)s, true)" in first.sql
        assert first.values["limit_ms"] == "5000"
