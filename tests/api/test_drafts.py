"""Drafts of steps: nothing that was typed is lost, and nothing of it counts before the step is completed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dev.harness.client import Client, Response
from dev.harness.wizard import EXA, GEMINI, STEP_DATA, complete_step, walk
from lib.steps.limits import MAX_DATA_BYTES
from tests.support.ai_backend import StubBackend
from tests.support.flows import use_flow
from tests.support.inspection import Superuser, contents, places_of
from tests.support.page import API, read

USER, OTHER = "user_2drafter", "user_2other"
NOTE = {"note": "half a sentence", "number": 1e300, "nested": {"list": [1, None, "☀"]}}


def save_draft(http: Client, number: int, data: Any = None, user: str = USER) -> Response:
    return http.request("PUT", f"{API}/step/{number}/draft", user=user, json={"data": NOTE if data is None else data})


def discard(http: Client, number: int) -> Response:
    return http.delete(f"{API}/step/{number}/draft", user=USER)


def status(http: Client, number: int, user: str = USER) -> Any:
    return read(http, user, f"step/{number}")["status"]


@pytest.mark.parametrize("number", STEP_DATA)
def test_a_draft_comes_back_as_it_was_sent(http: Client, number: int) -> None:
    """Numbers included, beside the step's own data, and the untouched step is in progress."""
    saved = save_draft(http, number)
    assert saved.status == 200, saved.text
    assert set(saved.json()) == {"step_number", "version", "saved_at"}
    found = read(http, USER, f"step/{number}")
    assert found["draft"] == {"data": NOTE, "saved_at": saved.json()["saved_at"]}
    assert (found["status"], found["data"], found["completed_at"]) == ("in_progress", None, None)
    assert read(http, OTHER, f"step/{number}")["draft"] is None
    assert read(http, USER, "status")["completion_percentage"] == 0.0


def test_a_later_draft_replaces_the_one_before(http: Client) -> None:
    """A draft is what stands in the form."""
    save_draft(http, 5)
    save_draft(http, 5, {"other": True})
    assert read(http, USER, "step/5")["draft"]["data"] == {"other": True}


@pytest.mark.parametrize("number", STEP_DATA)
def test_completing_a_step_clears_its_draft(http: Client, number: int) -> None:
    """In the same transaction; the drafts of other steps stay."""
    walk(http, USER, *[other for other in (1, 2, 3) if other < number])
    other = 5 if number != 5 else 4
    save_draft(http, number)
    save_draft(http, other)
    walk(http, USER, number)
    assert read(http, USER, f"step/{number}")["draft"] is None
    assert read(http, USER, f"step/{other}")["draft"]["data"] == NOTE


def test_a_refused_step_keeps_its_draft(http: Client) -> None:
    """What was typed is still there after a 422."""
    save_draft(http, 3)
    assert complete_step(http, USER, 3, {"research_depth": "Bottomless"}).status == 422
    assert read(http, USER, "step/3")["draft"]["data"] == NOTE


def test_a_draft_of_a_finished_step_leaves_it_finished(http: Client) -> None:
    """Completed or skipped; the data stays beside the draft."""
    walk(http, USER, 2)
    http.post(f"{API}/step/4/skip", user=USER)
    for number, expected in ((2, "completed"), (4, "skipped")):
        save_draft(http, number)
        assert status(http, number) == expected
        assert discard(http, number).status == 204
        assert status(http, number) == expected
    assert read(http, USER, "step/2")["data"] == STEP_DATA[2]


def test_without_its_draft_a_step_is_pending_again(http: Client) -> None:
    """Discarding is a 204 each time, also where there never was a draft."""
    save_draft(http, 3)
    assert [discard(http, 3).status for _ in range(2)] == [204, 204]
    assert (status(http, 3), read(http, USER, "step/3")["draft"]) == ("pending", None)
    assert http.delete(f"{API}/step/2/draft", user=OTHER).status == 204
    assert read(http, OTHER, "status")["started_at"] is None


def test_a_persona_holds_step_4_in_progress_without_its_draft(http: Client) -> None:
    """The persona that was saved is one more draft."""
    http.post(f"{API}/step4/persona-save", user=USER, json={"core_persona": {"identity": {}}})
    save_draft(http, 4)
    discard(http, 4)
    assert status(http, 4) == "in_progress"


def test_a_reset_keeps_drafts(http: Client) -> None:
    """A step that is not finished and has a draft is in progress, also at the beginning; the others are pending."""
    walk(http, USER, 1, 2)
    save_draft(http, 2)
    http.post(f"{API}/reset", user=USER)
    found = read(http, USER, "progress")
    assert [step["status"] for step in found["steps"]] == ["pending", "in_progress", *["pending"] * 4]
    assert (found["current_step"], found["progress"]) == (1, 0.0)
    assert read(http, USER, "step/2")["draft"]["data"] == NOTE


def test_resume_leads_to_the_draft(http: Client) -> None:
    """To the lowest open step that was begun; a step that is not open yet waits."""
    save_draft(http, 3)
    assert read(http, USER, "resume")["resume_step"] == 1
    walk(http, USER, 1, 2)
    assert read(http, USER, "resume")["resume_step"] == 3
    walk(http, USER, 3)
    save_draft(http, 5)
    assert read(http, USER, "resume")["resume_step"] == 5
    assert read(http, USER, "status")["next_step"] == 4
    discard(http, 5)
    assert read(http, USER, "resume")["resume_step"] == 4


def test_the_five_step_page_finds_the_same_draft(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts are stored under the step, not under a page's number; `step/6` means the last step there too."""
    save_draft(http, 3)
    use_flow(monkeypatch, "five")
    assert read(http, USER, "step/2")["draft"]["data"] == NOTE
    saved = save_draft(http, 6)
    assert (saved.status, saved.json()["step_number"]) == (200, 5)
    assert read(http, USER, "step/5")["draft"]["data"] == NOTE


def test_a_generated_draft_is_kept_beside_what_was_typed(http: Client, ai_backend: StubBackend) -> None:
    """What the AI backend found is put into the draft that is there."""
    save_draft(http, 3)
    before = read(http, USER, "step/3")["version"]
    assert http.post(f"{API}/step3/analyze-sitemap", user=USER, json={}).status == 200
    found = read(http, USER, "step/3")
    assert set(found["draft"]["data"]) == {*NOTE, "sitemapAnalysis"}
    assert (found["draft"]["data"]["number"], found["version"]) == (1e300, before + 1)


def test_drafts_are_in_the_export_and_go_with_the_user(http: Client, database: Superuser) -> None:
    """They are the person's own data."""
    save_draft(http, 3, {"note": "secret plan"})
    exported = http.get(f"{API}/export", user=USER).json()["steps"]
    assert [step["draft"] for step in exported] == [{"note": "secret plan"}]
    assert places_of(database, "secret plan") == ["onboarding_steps.draft"]
    http.post(f"{API}/reset?hard=true", user=USER)
    assert places_of(database, "secret plan") == []


@pytest.mark.parametrize("keys", [{"gemini": GEMINI}, {}, None, "text"])
def test_a_draft_of_step_1_holds_no_keys(http: Client, database: Superuser, keys: Any) -> None:
    """They go through `POST …/api-keys`, which encrypts them."""
    before = contents(database)
    response = save_draft(http, 1, {"api_keys": keys, "note": "x"})
    assert (response.status, response.json()["errors"][0]["field"]) == (422, "data.api_keys")
    assert response.json()["errors"][0]["code"] == "contains_key"
    assert GEMINI not in response.text
    assert contents(database) == before


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        ({"note": f"my key is {GEMINI}, really"}, GEMINI),
        ({"form": {"exa": {"value": EXA}}}, EXA),
        ({"list": [["sk-0123456789abcdef"]]}, "sk-0123456789abcdef"),
        ({"form": {"api_keys": {"mistral": "short-secret"}}}, "short-secret"),
        ({"apiKey": "short-secret"}, "short-secret"),
        ({"Tavily": "short-secret"}, "short-secret"),
        ({GEMINI: "gemini"}, GEMINI),
    ],
)
def test_a_key_elsewhere_in_a_draft_of_step_1_is_masked(
    http: Client, database: Superuser, data: Any, secret: str
) -> None:
    """Whatever looks like a key, or is named as one."""
    assert save_draft(http, 1, data).status == 200
    assert places_of(database, secret) == []
    assert read(http, USER, "step/1")["draft"] is not None


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "data"), ({"data": None}, "data"), ({"data": []}, "data"), ({"data": "x"}, "data")],
)
def test_a_draft_is_an_object(http: Client, body: Any, field: str) -> None:
    """Whatever the object holds; no rule of the step applies."""
    response = http.request("PUT", f"{API}/step/4/draft", user=USER, json=body)
    assert (response.status, response.json()["errors"][0]["field"]) == (422, field)
    assert save_draft(http, 4, {}).status == 200


def test_a_draft_has_a_largest_size(http: Client) -> None:
    """1 MiB of data as UTF-8; what fits comes back whole, and init and progress go without it."""
    room = MAX_DATA_BYTES - len(json.dumps({"text": ""}, separators=(",", ":")))
    for text in ("x" * room, "ü" * (room // 2)):
        assert save_draft(http, 5, {"text": text}).status == 200
        assert read(http, USER, "step/5")["draft"]["data"] == {"text": text}
        response = save_draft(http, 5, {"text": text + "xy"})
        assert (response.status, response.json()["code"]) == (413, "payload_too_large")
    assert len(http.get(f"{API}/init", user=USER).body) < 10_000
