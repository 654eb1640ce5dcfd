"""How far users get, as product managers see it."""

from __future__ import annotations

from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.wizard import STEP_DATA, walk
from lib import bootstrap
from tests.support.inspection import Superuser

TOKEN = "an-operations-token-of-32-chars-or-more"
PATH = "/api/operations/funnel"


@pytest.fixture(autouse=True)
def _operations(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATIONS_TOKEN", TOKEN)
    bootstrap.reset()


def funnel(http: Client, query: str = "") -> dict[str, Any]:
    """The whole funnel, with its steps by key."""
    response = http.get(f"{PATH}{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status == 200, response.text
    document: dict[str, Any] = response.json()
    return {**document, "steps": {step["step"]: step for step in document["steps"]}}


def column(found: dict[str, Any], name: str) -> list[Any]:
    """One figure of every step, in their order."""
    return [step[name] for step in found["steps"].values()]


def test_nobody_has_started(http: Client) -> None:
    """Zeros, and no median."""
    found = funnel(http)
    assert (found["started"], found["completed"], found["stuck_over_7_days"]) == (0, 0, 0)
    assert column(found, "reached") == [0] * 6
    assert column(found, "median_seconds") == [None] * 6


def test_each_user_counts_where_they_are(http: Client) -> None:
    """Reached is who has a step before them or behind them; finished, skipped and in progress never overlap."""
    http.post("/api/onboarding/start", user="user_started")
    walk(http, "user_two", 1, 2)
    walk(http, "user_skipped", 1, 2, 3)
    http.post("/api/onboarding/step/4/skip", user="user_skipped")
    walk(http, "user_draft", 1)
    http.post("/api/onboarding/step4/persona-save", json={"core_persona": {}}, user="user_draft")
    walk(http, "user_done", *STEP_DATA)
    assert http.post("/api/onboarding/complete", user="user_done").status == 200
    found = funnel(http)
    assert (found["started"], found["completed"]) == (5, 1)
    assert column(found, "reached") == [5, 4, 3, 3, 2, 1]
    assert column(found, "finished") == [4, 3, 2, 1, 1, 1]
    assert column(found, "skipped") == [0, 0, 0, 1, 0, 0]
    assert column(found, "in_progress") == [0, 0, 0, 1, 0, 0]


def test_a_reset_user_stands_at_the_beginning(http: Client) -> None:
    """Nothing that was finished before the reset counts; erased users are not there at all."""
    walk(http, "user_reset", *STEP_DATA)
    http.post("/api/onboarding/complete", user="user_reset")
    http.post("/api/onboarding/reset", user="user_reset")
    walk(http, "user_erased", 1, 2)
    http.post("/api/onboarding/reset?hard=true", user="user_erased")
    found = funnel(http)
    assert (found["started"], found["completed"]) == (1, 0)
    assert column(found, "reached") == [1, 0, 0, 0, 0, 0]
    assert column(found, "finished") == [0] * 6


def test_the_five_step_page_has_a_funnel_of_five(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step for keys is not in it, and everybody has reached its first step."""
    walk(http, "user_keys", 1)
    walk(http, "user_both", 1, 2)
    http.post("/api/onboarding/start", user="user_started")
    monkeypatch.setenv("ONBOARDING_FLOW", "five")
    bootstrap.reset()
    found = funnel(http)
    assert list(found["steps"]) == ["website", "research", "persona", "integrations", "finish"]
    assert column(found, "step_number") == [1, 2, 3, 4, 5]
    assert column(found, "reached") == [3, 1, 0, 0, 0]


def test_the_funnel_begins_at_a_day(http: Client, database: Superuser) -> None:
    """`since` leaves out who started before it; a day begins in UTC."""
    for user, day in (("user_old", "2026-10-31 23:59:59+00"), ("user_new", "2026-11-01 00:00:00+00")):
        walk(http, user, 1)
        database.execute("UPDATE onboarding_sessions SET started_at = %s WHERE user_id = %s", [day, user])
    assert funnel(http)["started"] == 2
    found = funnel(http, "?since=2026-11-01")
    assert (found["started"], found["steps"]["api_keys"]["finished"]) == (1, 1)
    refused = http.get(f"{PATH}?since=yesterday", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "since")


def test_who_stored_nothing_for_over_a_week_is_stuck(http: Client, database: Superuser) -> None:
    """Unless onboarding is completed."""
    walk(http, "user_recent", 1)
    for user in ("user_stuck", "user_done"):
        walk(http, user, *STEP_DATA)
    http.post("/api/onboarding/complete", user="user_done")
    database.execute(
        "UPDATE onboarding_sessions SET updated_at = now() - interval '8 days' WHERE user_id <> 'user_recent'"
    )
    assert funnel(http)["stuck_over_7_days"] == 1


def _set_times(database: Superuser, user: str, started_at: str, **finished_at: str) -> None:
    """Give a user's session and steps the times at which they were begun and finished."""
    database.execute("UPDATE onboarding_sessions SET started_at = %s WHERE user_id = %s", [started_at, user])
    for step, time in finished_at.items():
        database.execute(
            "UPDATE onboarding_steps SET completed_at = %s WHERE user_id = %s AND step_key = %s", [time, user, step]
        )


def test_a_step_takes_from_the_step_before_it_to_its_end(http: Client, database: Superuser) -> None:
    """The median of all users; the first step is timed from the start, and a skipped step has no time of its own."""
    times = {"user_a": ("10:01", "10:03"), "user_b": ("10:02", "10:12"), "user_c": ("10:09", "11:09")}
    for user, (first, second) in times.items():
        walk(http, user, 1, 2)
        _set_times(
            database, user, "2026-11-02 10:00Z", api_keys=f"2026-11-02 {first}Z", website=f"2026-11-02 {second}Z"
        )
    http.post("/api/onboarding/step/4/skip", user="user_a")
    assert column(funnel(http), "median_seconds") == [120.0, 600.0, None, None, None, None]


def test_going_back_to_a_finished_step_spoils_no_time(http: Client, database: Superuser) -> None:
    """Neither of that step, which was not worked on for days, nor of the one that followed it the first time."""
    walk(http, "user_back", 1, 2, 3)
    day = "2026-11-02"
    _set_times(
        database,
        "user_back",
        f"{day} 10:00Z",
        api_keys=f"{day} 10:01Z",
        research=f"{day} 10:30Z",
        website="2026-11-09 10:00Z",
    )
    assert column(funnel(http), "median_seconds")[:3] == [60.0, None, None]


def test_a_reset_begins_the_first_step_anew(http: Client, database: Superuser) -> None:
    """The weeks before it are not the time of the step that is finished after it."""
    walk(http, "user_reset", 1, 2)
    http.post("/api/onboarding/reset", user="user_reset")
    walk(http, "user_reset", 1)
    _set_times(database, "user_reset", "2026-01-01 10:00Z", api_keys="2026-11-02 10:05Z")
    database.execute("UPDATE onboarding_steps SET updated_at = '2026-11-02 10:00Z' WHERE status = 'pending'")
    assert column(funnel(http), "median_seconds")[:2] == [300.0, None]


def test_imported_users_without_times_count_and_spoil_no_median(http: Client, database: Superuser) -> None:
    """What was imported without a time has that of 1970, and steps that were inferred together have one time."""
    walk(http, "user_new", 1, 2)
    _set_times(database, "user_new", "2026-11-02 10:00Z", api_keys="2026-11-02 10:01Z", website="2026-11-02 10:02Z")
    for number in range(3):
        walk(http, f"user_epoch{number}", 1, 2)
        _set_times(database, f"user_epoch{number}", "epoch", api_keys="epoch", website="2025-10-11 12:00Z")
        walk(http, f"user_inferred{number}", 1, 2)
        same = "2025-10-11 12:00Z"
        _set_times(database, f"user_inferred{number}", same, api_keys=same, website=same)
    found = funnel(http)
    assert (found["started"], column(found, "finished")[:2]) == (7, [7, 7])
    assert column(found, "median_seconds")[:2] == [60.0, 60.0]
