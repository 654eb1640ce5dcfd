from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.wizard import complete_step, walk

USER = "user_2session"


def _get(http: Client, path: str, user: str = USER) -> Any:
    response = http.get(f"/api/onboarding/{path}", user=user)
    assert response.status == 200, response.text
    return response.json()


def test_init_of_a_new_user_gives_the_defaults(http: Client) -> None:
    """Step 1, 0 %, nothing started, all six steps pending, and the person from the token."""
    found = _get(http, "init")
    assert found["user"]["id"] == found["user"]["clerk_user_id"] == USER
    assert set(found["user"]) == {"id", "email", "first_name", "last_name", "clerk_user_id"}
    onboarding = found["onboarding"]
    assert onboarding["started_at"] is onboarding["last_updated"] is onboarding["completed_at"] is None
    assert (onboarding["current_step"], onboarding["completion_percentage"], onboarding["next_step"]) == (1, 0.0, 1)
    assert onboarding["is_completed"] is onboarding["can_proceed_to_final"] is False
    assert [step["step_number"] for step in onboarding["steps"]] == [1, 2, 3, 4, 5, 6]
    assert all(step["status"] == "pending" and not step["has_data"] for step in onboarding["steps"])
    assert found["session"]["session_id"] == USER


def test_init_sends_data_of_steps_3_4_and_5_only(http: Client) -> None:
    """The large website analysis stays out, but it is said that there is one."""
    walk(http, USER, 1, 2, 3, 4, 5)
    steps = _get(http, "init")["onboarding"]["steps"]
    assert [step["step_number"] for step in steps if step["data"] is not None] == [3, 4, 5]
    assert [step["step_number"] for step in steps if step["has_data"]] == [1, 2, 3, 4, 5]


def test_progress_sends_data_of_steps_2_to_5(http: Client) -> None:
    """With the validation errors that the wizard kept."""
    walk(http, USER, 1, 2, 3, 4, 5)
    http.post(
        "/api/onboarding/step/2/complete",
        user=USER,
        json={"data": {"website": "https://a.b"}, "validation_errors": ["slow"]},
    )
    found = _get(http, "progress")
    assert [step["step_number"] for step in found["steps"] if step["data"] is not None] == [2, 3, 4, 5]
    assert found["steps"][1]["validation_errors"] == ["slow"]
    assert (found["total_steps"], found["progress"]) == (6, found["completion_percentage"])


def test_status_follows_the_steps(http: Client) -> None:
    """current_step is the highest finished + 1, next_step the lowest unfinished, the percentage their share."""
    walk(http, USER, 2)
    found = _get(http, "status")
    assert (found["current_step"], found["next_step"], found["can_proceed_to_final"]) == (3, 1, False)
    assert found["completion_percentage"] == pytest.approx(100 / 6)
    walk(http, USER, 1, 3)
    found = _get(http, "status")
    assert (found["current_step"], found["next_step"], found["can_proceed_to_final"]) == (4, 4, True)
    assert found["completion_percentage"] == 50.0


def test_current_step_never_moves_back_and_stops_at_6(http: Client) -> None:
    """Saving an earlier step again leaves the wizard where it was."""
    walk(http, USER, 1, 2, 3, 6)
    assert complete_step(http, USER, 1).json()["current_step"] == 6


def test_start_creates_the_session_and_never_wipes_one(http: Client) -> None:
    """A second start answers the same session."""
    first = http.post("/api/onboarding/start", user=USER).json()
    walk(http, USER, 1)
    second = http.post("/api/onboarding/start", user=USER).json()
    assert first["user_id"] == USER
    assert (first["id"], first["started_at"]) == (second["id"], second["started_at"])
    assert (first["current_step"], second["current_step"]) == (1, 2)
    assert set(first) == {"id", "user_id", "current_step", "progress", "started_at", "message"}


def test_resume_says_where_to_go_on(http: Client) -> None:
    """The lowest step that is not finished; once completed there is nothing to resume."""
    walk(http, USER, 1, 3)
    found = _get(http, "resume")
    assert (found["can_resume"], found["resume_step"], found["current_step"]) == (True, 2, 4)
    walk(http, USER, 2)
    http.post("/api/onboarding/complete", user=USER)
    found = _get(http, "resume")
    assert found["can_resume"] is False
    assert found["message"]


def test_complete_needs_steps_1_to_3_and_names_what_is_missing(http: Client) -> None:
    """409 with the titles, and nothing is finished."""
    walk(http, USER, 1)
    refused = http.post("/api/onboarding/complete", user=USER)
    assert refused.status == 409
    assert "Website Analysis" in refused.json()["detail"]
    assert "AI Research" in refused.json()["detail"]
    assert "AI LLM Providers" not in refused.json()["detail"]
    assert _get(http, "status")["is_completed"] is False


def test_complete_of_a_user_never_seen_is_a_conflict(http: Client) -> None:
    """Not an error of ours, and no session appears."""
    assert http.post("/api/onboarding/complete", user=USER).status == 409
    assert _get(http, "status")["started_at"] is None


def test_complete_needs_an_api_key(http: Client) -> None:
    """A key that was taken away afterwards is missed: step 1 is to be done again."""
    walk(http, USER, 1, 2, 3)
    for provider in ("gemini", "exa", "copilotkit"):
        http.delete(f"/api/onboarding/api-keys/{provider}", user=USER)
    refused = http.post("/api/onboarding/complete", user=USER)
    assert refused.status == 409
    assert "AI LLM Providers" in refused.json()["detail"]


def test_complete_finishes_once(http: Client) -> None:
    """100 %, whether a persona is stored, and a second call answers the same moment."""
    walk(http, USER, 1, 2, 3)
    first = http.post("/api/onboarding/complete", user=USER).json()
    assert (first["completion_percentage"], first["persona_generated"]) == (100.0, False)
    walk(http, USER, 4)
    second = http.post("/api/onboarding/complete", user=USER).json()
    assert (second["completed_at"], second["persona_generated"]) == (first["completed_at"], True)
    found = _get(http, "status")
    assert (found["is_completed"], found["completion_percentage"]) == (True, 100.0)
    assert found["completed_at"] == first["completed_at"]


def test_reset_keeps_what_the_steps_stored(http: Client) -> None:
    """Statuses, step and percentage go back; the data and the keys stay."""
    walk(http, USER, 1, 2, 3, 4)
    http.post("/api/onboarding/complete", user=USER)
    before = _get(http, "summary")
    assert http.post("/api/onboarding/reset", user=USER).status == 200
    found = _get(http, "init")["onboarding"]
    assert (found["current_step"], found["completion_percentage"], found["is_completed"]) == (1, 0.0, False)
    assert {step["status"] for step in found["steps"]} == {"pending"}
    assert all(step["completed_at"] is None for step in found["steps"])
    assert _get(http, "step/2")["data"]["website"] == "https://shop.example.com/a?b=c"
    assert _get(http, "summary") == before


def test_hard_reset_erases_everything_of_this_user(http: Client) -> None:
    """As if never seen before; another user keeps what is theirs."""
    walk(http, USER, 1, 2, 3, 4, 5)
    walk(http, "user_other", 1, 2)
    assert http.post("/api/onboarding/reset?hard=true", user=USER).status == 200
    assert _get(http, "status") == _get(http, "status", user="user_nobody")
    assert _get(http, "api-keys")["api_keys"] == {}
    assert _get(http, "website-analysis") is None
    assert _get(http, "status", user="user_other")["current_step"] == 3
    walk(http, USER, 1)


def test_a_reset_that_says_neither_hard_nor_soft_resets_nothing(http: Client) -> None:
    """Whoever meant to erase everything, or meant not to, is told what would be right."""
    walk(http, USER, 1)
    refused = http.post("/api/onboarding/reset?hard=maybe", user=USER)
    assert (refused.status, refused.json()["detail"]) == (400, "The parameter hard has to be true or false.")
    assert _get(http, "status")["current_step"] == 2
    for value in ("false", ""):
        assert http.post(f"/api/onboarding/reset?hard={value}", user=USER).status == 200
    assert _get(http, "api-keys")["configured_providers"] != []


def test_times_are_utc_with_an_offset(http: Client) -> None:
    """ISO 8601, readable by any parser, close to now."""
    walk(http, USER, 1)
    found = _get(http, "init")["onboarding"]
    for text in (found["started_at"], found["last_updated"], found["steps"][0]["completed_at"]):
        moment = datetime.fromisoformat(text)
        assert moment.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)


@pytest.mark.parametrize(
    "path",
    ["init", "status", "progress", "resume", "summary", "api-keys", "step/1", "step/4", "step/6/validate"],
)
def test_a_get_writes_nothing(http: Client, database_url: str, path: str) -> None:
    """A user who only looked is still one never seen before."""
    _get(http, path)
    assert _get(http, "status")["started_at"] is None
