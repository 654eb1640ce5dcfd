from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.wizard import COPILOTKIT, EXA, GEMINI, KEYS, STEP_DATA, WEBSITE, complete_step, walk
from lib.steps.api_keys import masked

USER = "user_2steps"


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_step_gives_back_what_was_sent(http: Client, number: int) -> None:
    """Every field, listed in the contract or not, and the step is marked."""
    sent = {**STEP_DATA[number], "somethingNew": {"a": [1, 2.5, None, "ü"]}}
    answer = complete_step(http, USER, number, sent).json()
    assert answer["data"] == sent
    assert (answer["step_number"], answer["current_step"]) == (number, number + 1)
    assert answer["completion_percentage"] == pytest.approx(100 / 6)
    found = http.get(f"/api/onboarding/step/{number}", user=USER).json()
    assert found["data"] == sent
    assert (found["status"], found["validation_errors"]) == ("completed", [])
    assert found["completed_at"]


def test_step_1_answers_with_masked_keys(http: Client) -> None:
    """In the echo and when read again; what else was sent comes back as it was."""
    sent = {**KEYS, "somethingNew": 1}
    for document in (complete_step(http, USER, 1, sent), http.get("/api/onboarding/step/1", user=USER)):
        assert GEMINI not in document.text
        assert document.json()["data"]["api_keys"]["gemini"] == "AIza…kkkk"
        assert document.json()["data"]["somethingNew"] == 1


def test_a_step_never_touched_is_pending_and_empty(http: Client) -> None:
    """Title and description are there all the same."""
    found = http.get("/api/onboarding/step/3", user=USER).json()
    assert found == {
        "step_number": 3,
        "title": "AI Research",
        "description": found["description"],
        "status": "pending",
        "completed_at": None,
        "data": None,
        "draft": None,
        "validation_errors": [],
        "version": 0,
    }


def test_completing_a_step_twice_leaves_the_same_state(http: Client) -> None:
    """The second payload replaces the first."""
    walk(http, USER, 2, 2)
    complete_step(http, USER, 2, {**WEBSITE, "domainName": "changed"})
    assert http.get("/api/onboarding/step/2", user=USER).json()["data"]["domainName"] == "changed"
    assert len(http.get("/api/onboarding/style-detection/session-analyses", user=USER).json()["analyses"]) == 1


@pytest.mark.parametrize("number", [5, 6])
@pytest.mark.parametrize("body", [None, {}, {"data": {}}, {"validation_errors": []}])
def test_steps_5_and_6_need_no_body(http: Client, number: int, body: Any) -> None:
    """Neither data nor errors nor a body at all."""
    walk(http, USER, 1, 2, 3)
    options = {} if body is None else {"json": body}
    assert http.post(f"/api/onboarding/step/{number}/complete", user=USER, **options).status == 200


def test_completing_step_5_without_data_keeps_what_is_stored(http: Client) -> None:
    """Nothing was sent, so nothing is replaced."""
    walk(http, USER, 5)
    http.post("/api/onboarding/step/5/complete", user=USER)
    assert http.get("/api/onboarding/step/5", user=USER).json()["data"] == STEP_DATA[5]


@pytest.mark.parametrize("number", [4, 5])
def test_an_optional_step_can_be_skipped(http: Client, number: int) -> None:
    """It counts as finished; what it stored stays, and completing it later still works."""
    walk(http, USER, number)
    answer = http.post(f"/api/onboarding/step/{number}/skip", user=USER)
    assert (answer.status, answer.json()["current_step"]) == (200, number + 1)
    found = http.get(f"/api/onboarding/step/{number}", user=USER).json()
    assert (found["status"], found["data"]) == ("skipped", STEP_DATA[number])
    walk(http, USER, number)


@pytest.mark.parametrize("number", [1, 2, 3, 6])
def test_a_required_step_cannot_be_skipped(http: Client, number: int) -> None:
    """409, and the user is not even started."""
    assert http.post(f"/api/onboarding/step/{number}/skip", user=USER).status == 409
    assert http.get("/api/onboarding/status", user=USER).json()["started_at"] is None


def test_validate_says_whether_a_step_is_open(http: Client) -> None:
    """Locked until the required steps before it are finished, and it names them."""
    assert http.get("/api/onboarding/step/1/validate", user=USER).json()["step_status"] == "available"
    locked = http.get("/api/onboarding/step/3/validate", user=USER).json()
    assert (locked["can_proceed"], locked["step_status"], len(locked["validation_errors"])) == (False, "locked", 2)
    walk(http, USER, 1, 2, 3)
    opened = http.get("/api/onboarding/step/6/validate", user=USER).json()
    assert opened == {"can_proceed": True, "validation_errors": [], "step_status": "available"}


def test_step_1_needs_a_key_of_an_ai_provider(http: Client) -> None:
    """Sent now or stored before."""
    refused = complete_step(http, USER, 1, {"api_keys": {"exa": EXA}})
    assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "data.api_keys")
    assert http.get("/api/onboarding/api-keys", user=USER).json()["api_keys"] == {}
    walk(http, USER, 1)
    assert complete_step(http, USER, 1, {"api_keys": {"exa": EXA}}).status == 200


def test_a_masked_or_empty_key_leaves_the_stored_one(http: Client) -> None:
    """The wizard may send back what it was shown."""
    walk(http, USER, 1)
    sent = {"api_keys": {"gemini": "AIza…kkkk", "exa": "", "copilotkit": masked(COPILOTKIT)}}
    assert complete_step(http, USER, 1, sent).status == 200
    whole = http.get("/api/onboarding/api-keys/onboarding", user=USER).json()["api_keys"]
    assert whole == KEYS["api_keys"]


@pytest.mark.parametrize(
    ("number", "data", "field"),
    [
        (1, {"api_keys": {"gemini": "wrong"}}, "data.api_keys.gemini"),
        (1, {}, "data.api_keys"),
        (2, {"website": "example.com"}, "data.website"),
        (2, {"analysis": {"website_url": "nope"}}, "data.analysis.website_url"),
        (2, {}, "data.website"),
        (3, {}, "data.research_depth"),
        (3, {"research_depth": "Deep"}, "data.research_depth"),
        (4, {"corePersona": {}, "platformPersonas": {"a": 1}}, "data.corePersona.identity"),
        (4, {"corePersona": {"identity": {}}, "platformPersonas": {}}, "data.platformPersonas"),
    ],
)
def test_a_payload_that_breaks_a_rule_is_refused_by_field(http: Client, number: int, data: Any, field: str) -> None:
    """422 that names the field, nothing stored, and the detail is a sentence for a person."""
    walk(http, USER, 1)
    before = http.get("/api/onboarding/progress", user=USER).json()
    refused = complete_step(http, USER, number, data)
    assert refused.status == 422
    assert field in [error["field"] for error in refused.json()["errors"]]
    assert refused.json()["detail"].endswith(".")
    assert http.get("/api/onboarding/progress", user=USER).json() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"data": []}, "data"),
        ({"data": "x"}, "data"),
        ({"validation_errors": {}}, "validation_errors"),
        ({}, "data"),
        ({"data": None}, "data"),
    ],
)
def test_data_is_an_object_and_validation_errors_a_list(http: Client, body: Any, field: str) -> None:
    """Another type, or no data where there has to be some, is named."""
    refused = http.post("/api/onboarding/step/2/complete", user=USER, json=body)
    assert (refused.status, refused.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("path", "status"),
    [("step/0", 404), ("step/7", 404), ("step/-1", 404), ("step/abc", 400), ("step/1.5", 400), ("step/%C2%B2", 400)],
)
def test_a_step_s_number_in_the_path_is_validated(http: Client, path: str, status: int) -> None:
    """404 outside 1 to 6, 400 when it is no number, for every call on a step."""
    assert http.get(f"/api/onboarding/{path}", user=USER).status == status
    assert http.get(f"/api/onboarding/{path}/validate", user=USER).status == status
    assert http.post(f"/api/onboarding/{path}/complete", user=USER, json={}).status == status
    assert http.post(f"/api/onboarding/{path}/skip", user=USER).status == status
