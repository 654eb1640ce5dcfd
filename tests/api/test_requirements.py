"""The server's list of what is missing is the rule of finishing itself."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.harness.in_process import InProcess
from dev.harness.wizard import BUSINESS, EXA, GEMINI, complete_step, walk
from lib.steps.definitions import FLOWS
from lib.steps.providers import AI_PROVIDERS
from tests.support.flows import use_flow
from tests.support.inspection import Superuser
from tests.support.page import API, read
from tests.support.random_writes import Write, Writer, required_steps, sequences

USER = "user_2required"


def due(http: Client) -> list[tuple[int, str]]:
    """What is currently due: the step and the code."""
    return [(entry["step_number"], entry["code"]) for entry in read(http, USER, "requirements")["currently_due"]]


def test_a_new_user_is_told_all_that_is_missing(http: Client) -> None:
    """Three required steps now, two optional ones later; step 6 is finishing itself."""
    found = read(http, USER, "requirements")
    assert found["can_complete"] is False
    assert [entry["step_number"] for entry in found["eventually_due"]] == [4, 5]
    assert found["currently_due"][0] == {
        "step_number": 1,
        "title": "AI LLM Providers",
        "field": "data.api_keys",
        "code": "api_key_missing",
        "message": "Add a key of OpenAI, Gemini, Anthropic or Mistral.",
        "alternatives": list(AI_PROVIDERS),
    }
    assert due(http) == [(1, "api_key_missing"), (2, "website_missing"), (3, "research_missing")]
    for entry in (*found["currently_due"], *found["eventually_due"]):
        assert set(entry) == set(found["currently_due"][0])
        assert entry["message"].endswith(".")


@pytest.mark.parametrize("path", ["complete", "step/6/complete"])
def test_finishing_too_early_gives_the_same_entries(http: Client, path: str) -> None:
    """And the titles in a sentence for a person; nothing is stored."""
    walk(http, USER, 2)
    before = read(http, USER, "progress")
    response = http.post(f"{API}/{path}", user=USER, json={})
    problem = response.json()
    assert (response.status, problem["code"]) == (409, "onboarding_incomplete")
    assert problem["errors"] == read(http, USER, "requirements")["currently_due"]
    assert all(entry["title"] in problem["detail"] for entry in problem["errors"])
    assert read(http, USER, "init")["onboarding"]["requirements"] == read(http, USER, "requirements")
    assert read(http, USER, "progress") == before


def test_each_way_to_do_a_step_takes_its_entry_away(http: Client) -> None:
    """A key, business information, research; then step 6 and finishing answer 200."""
    for provider, key, expected in (("exa", EXA, 3), ("gemini", GEMINI, 2)):
        http.post(f"{API}/api-keys", user=USER, json={"provider": provider, "api_key": key})
        assert len(due(http)) == expected
    http.post(f"{API}/business-info", user=USER, json=BUSINESS)
    assert due(http) == [(3, "research_missing")]
    walk(http, USER, 3)
    assert (due(http), read(http, USER, "requirements")["can_complete"]) == ([], True)
    walk(http, USER, 6)
    assert http.post(f"{API}/complete", user=USER).status == 200


def test_the_last_key_deleted_is_due_again(http: Client) -> None:
    """Stored data that stops meeting a rule; but who is done stays done."""
    walk(http, USER, 1, 2, 3)
    http.delete(f"{API}/api-keys/gemini", user=USER)
    assert due(http) == [(1, "api_key_missing")]
    http.post(f"{API}/api-keys", user=USER, json={"provider": "gemini", "api_key": GEMINI})
    assert http.post(f"{API}/complete", user=USER).status == 200
    http.delete(f"{API}/api-keys/gemini", user=USER)
    assert (due(http), http.post(f"{API}/complete", user=USER).status) == ([], 200)


def test_after_a_reset_each_step_is_to_be_done_again(http: Client) -> None:
    """What is stored stays, so nothing of it is missing."""
    walk(http, USER, 1, 2, 3, 4)
    http.post(f"{API}/reset", user=USER)
    assert due(http) == [(number, "step_not_completed") for number in (1, 2, 3)]
    assert complete_step(http, USER, 6).status == 409


def test_the_five_step_page_needs_no_key(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its numbers, and its rules."""
    use_flow(monkeypatch, "five")
    assert due(http) == [(1, "website_missing"), (2, "research_missing")]
    assert complete_step(http, USER, 6, {}).status == 409
    http.post(f"{API}/business-info", user=USER, json=BUSINESS)
    complete_step(http, USER, 2, {"research_depth": "Basic"})
    assert due(http) == []
    assert [complete_step(http, USER, 6, {}).status, http.post(f"{API}/complete", user=USER).status] == [200, 200]


@pytest.mark.slow
@pytest.mark.usefixtures("ai_backend")
@pytest.mark.parametrize("flow", ["six", "five"])
def test_can_complete_says_what_finishing_answers(
    token: TokenFactory, database: Superuser, monkeypatch: pytest.MonkeyPatch, flow: str
) -> None:
    """After every write of any sequence, and the 409 of both ways to finish has the entries."""
    use_flow(monkeypatch, flow)
    seen: set[Any] = set()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.booleans(), sequences)
    def hold(is_ahead: bool, writes: list[Write]) -> None:
        writer = Writer(InProcess("", 0, token), f"user_2{uuid.uuid4().hex}")
        for write in (*(required_steps(FLOWS[flow]) if is_ahead else ()), *writes):
            writer.send(write)
            seen.add(_finished_as_told(writer, database))

    hold()
    assert seen == {True, False}


def _finished_as_told(writer: Writer, database: Superuser) -> bool:
    """Try to finish, and undo it; whether it worked."""
    told = writer.get("requirements").json()
    assert writer.get("init").json()["onboarding"]["requirements"] == told
    was_completed = writer.get("status").json()["is_completed"]
    finished = writer.send(("POST", "complete", {}))
    assert told["can_complete"] is (finished.status == 200) is (told["currently_due"] == [])
    if finished.status == 409:
        assert finished.json()["errors"] == told["currently_due"]
        last = writer.send(("POST", "step/6/complete", {}))
        assert (last.status, last.json()["errors"]) == (409, told["currently_due"])
    elif not was_completed:
        database.execute("UPDATE onboarding_sessions SET completed_at = NULL WHERE user_id = %s", [writer.user])
    return finished.status == 200
