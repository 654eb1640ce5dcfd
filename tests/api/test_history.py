"""What happened is told as it happened: in the transaction that does it, without values, and to its user alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from dev.harness.every_call import save_everything, url
from dev.harness.wizard import BUSINESS, COPILOTKIT, GEMINI, complete_step, walk
from tests.support.ai_backend import StubBackend
from tests.support.inspection import Superuser

USER, OTHER = "user_2history", "user_2stranger"
BASE = "/api/onboarding"


def page(http: Client, query: str = "", user: str = USER) -> dict[str, Any]:
    """A page of the history."""
    response = http.get(f"{BASE}/history{query}", user=user)
    assert response.status == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def kinds(http: Client, user: str = USER) -> list[str]:
    """What happened, the oldest first."""
    return [event["kind"] for event in reversed(page(http, "?limit=100", user)["events"])]


def save_key(http: Client, provider: str, key: str) -> Response:
    """Save one key."""
    return http.post(f"{BASE}/api-keys", user=USER, json={"provider": provider, "api_key": key})


def test_nothing_happened_to_a_user_never_seen(http: Client) -> None:
    """An empty page, and reading it is no event."""
    assert page(http) == {"events": [], "next": None}


def test_a_key_is_told_with_its_provider_alone(http: Client) -> None:
    """With the step that it finished, the request, and no part of the key."""
    response = save_key(http, "gemini", GEMINI)
    saved, finished, started = page(http)["events"]
    assert (started["kind"], started["step_number"], started["detail"]) == ("onboarding.started", None, {})
    assert (finished["kind"], finished["step_number"]) == ("step.completed", 1)
    assert (saved["kind"], saved["step_number"], saved["detail"]) == ("key.saved", 1, {"provider": "gemini"})
    assert saved["request_id"] == response.headers["X-Request-Id"]
    assert saved["at"].endswith("+00:00")
    assert GEMINI not in json.dumps(page(http))


def test_every_kind_is_told(http: Client) -> None:
    """In the order in which it happened; what did not happen is not told."""
    save_key(http, "copilotkit", COPILOTKIT)
    save_key(http, "gemini", GEMINI)
    http.post("/onboarding/business-info", user=USER, json=BUSINESS)
    walk(http, USER, 2, 3)
    http.request("PUT", f"{BASE}/step/4/draft", user=USER, json={"data": {"a": 1}})
    http.delete(f"{BASE}/step/4/draft", user=USER)
    http.delete(f"{BASE}/step/4/draft", user=USER)
    http.post(f"{BASE}/step4/persona-save", user=USER, json={"core_persona": {}})
    http.post(f"{BASE}/step/4/skip", user=USER, json={})
    http.request("PUT", url("style-detection/analysis/1", USER, http), user=USER, json={"brand_analysis": {}})
    http.get(f"{BASE}/api-keys/onboarding", user=USER)
    http.get(f"{BASE}/api-keys", user=USER)
    http.delete(f"{BASE}/api-keys/copilotkit", user=USER)
    http.delete(f"{BASE}/api-keys/copilotkit", user=USER)
    for _ in range(2):
        assert http.post(f"{BASE}/complete", user=USER, json={}).status == 200
    http.post(f"{BASE}/reset", user=USER, json={})
    assert kinds(http) == [
        "onboarding.started",
        "key.saved",
        "step.completed",
        "key.saved",
        "step.completed",
        "business.saved",
        "analysis.saved",
        "step.completed",
        "step.completed",
        "step.draft_discarded",
        "persona.saved",
        "step.skipped",
        "analysis.edited",
        "keys.revealed",
        "key.deleted",
        "onboarding.completed",
        "onboarding.reset",
    ]


def test_what_is_refused_did_not_happen(http: Client) -> None:
    """Neither a refused key, a step without its fields, an onboarding that is not done, nor an outdated version."""
    walk(http, USER, 3)
    before = kinds(http)
    save_key(http, "gemini", "not a key")
    complete_step(http, USER, 2, {})
    http.post(f"{BASE}/complete", user=USER, json={})
    stale = {"If-Match": '"7"'}
    assert http.request("PUT", f"{BASE}/step/3/draft", user=USER, json={"data": {}}, headers=stale).status == 412
    assert kinds(http) == before


def test_who_acts_as_the_user_is_named(http: Client, token: TokenFactory) -> None:
    """Clerk's `act` says who was shown the keys."""
    save_key(http, "gemini", GEMINI)
    headers = {"Authorization": f"Bearer {token(USER, act={'sub': 'user_2support'})}"}
    assert http.get(f"{BASE}/api-keys/onboarding", headers=headers).json()["api_keys"] == {"gemini": GEMINI}
    newest = page(http)["events"][0]
    assert (newest["kind"], newest["detail"]) == ("keys.revealed", {"actor": "user_2support"})


def test_a_generated_persona_is_told_once(http: Client, ai_backend: StubBackend) -> None:
    """The page asks for a finished task again and again."""
    for _ in range(3):
        assert http.get(f"{BASE}/step4/persona-task/task-1", user=USER).status == 200
    assert kinds(http) == ["onboarding.started", "persona.saved"]


def test_it_is_the_users_alone_and_goes_with_the_user(http: Client, database: Superuser) -> None:
    """Another user sees nothing of it, also by an event's id; a hard reset leaves none."""
    save_everything(http, USER)
    newest = page(http)["events"][0]["id"]
    assert page(http, user=OTHER)["events"] == []
    assert page(http, f"?before={newest}", OTHER)["events"] == []
    exported = http.get(f"{BASE}/export", user=USER).json()
    assert len(exported["history"]) == len(page(http, "?limit=100")["events"])
    http.post(f"{BASE}/reset?hard=true", user=USER, json={})
    assert database.execute("SELECT count(*) FROM onboarding_events").fetchone() == (0,)


def test_pages_give_each_event_once(http: Client) -> None:
    """Whatever the size of a page; `next` is null on the last."""
    save_everything(http, USER)
    every = page(http, "?limit=100")["events"]
    assert len(every) > 5
    for size in (1, 2, len(every)):
        found, cursor = list[Any](), ""
        while True:
            part = page(http, f"?limit={size}{cursor}")
            found += part["events"]
            if part["next"] is None:
                break
            cursor = f"&before={part['next']}"
        assert found == every, size


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "before=x", "before=0", "before=-1"])
def test_a_parameter_that_makes_no_sense_is_named(http: Client, query: str) -> None:
    """400, before the database is asked."""
    refused = http.get(f"{BASE}/history?{query}", user=USER)
    assert (refused.status, query.partition("=")[0] in refused.json()["detail"]) == (400, True)


@pytest.mark.slow
def test_the_newest_500_stay(http: Client, database: Superuser) -> None:
    """The oldest go first, and other users' stay as they are."""
    save_key(http, "gemini", GEMINI)
    http.post(f"{BASE}/start", user=OTHER, json={})
    database.execute(
        "INSERT INTO onboarding_events (user_id, session_id, id, at, kind) SELECT user_id, id, n, "
        "now() - interval '1 hour' + n * interval '1 second', 'key.saved' FROM onboarding_sessions, "
        "generate_series(1, 600) AS n WHERE user_id = %s",
        [USER],
    )
    count = "SELECT count(*), min(id) FROM onboarding_events WHERE user_id = %s"
    assert database.execute(count, [USER]).fetchone() == (500, 104)
    save_key(http, "gemini", GEMINI)
    assert database.execute(count, [USER]).fetchone() == (500, 105)
    assert kinds(http, OTHER) == ["onboarding.started"]
