"""What is one user's is nobody else's."""

from typing import Any

from dev.harness.client import Client
from dev.harness.wizard import STEP_DATA, complete_step, walk

VICTIM, INTRUDER = "user_2victim", "user_2intruder"

READS = [
    "init",
    "status",
    "progress",
    "resume",
    "summary",
    "api-keys",
    "api-keys/onboarding",
    "website-analysis",
    "research-preferences",
    "style-detection/session-analyses",
    "style-detection/check-existing/https%3A%2F%2Fshop.example.com%2Fa%3Fb%3Dc",
    *[f"step/{number}" for number in range(1, 7)],
    *[f"step/{number}/validate" for number in range(1, 7)],
]


def _everything(http: Client, user: str) -> dict[str, Any]:
    found = {path: http.get(f"/api/onboarding/{path}", user=user).json() for path in READS}
    found["persona"] = http.get("/api/onboarding/step4/persona-latest", user=user).json()
    found["persona"].pop("request_id", None)
    del found["init"]["session"]["initialized_at"]
    return found


def test_an_intruder_sees_nothing_and_changes_nothing(http: Client) -> None:
    """Every route is called as another user, ids guessed: the answers are a new user's, and the victim's stay."""
    walk(http, VICTIM, 1, 2, 3, 4, 5)
    http.post("/api/onboarding/complete", user=VICTIM)
    before = _everything(http, VICTIM)
    analysis_id = before["website-analysis"]["analysis_id"]

    untouched, seen = _everything(http, "user_2nobody"), _everything(http, INTRUDER)
    seen["init"]["user"] = untouched["init"]["user"]
    seen["init"]["session"] = untouched["init"]["session"]
    assert seen == untouched
    assert http.get(f"/api/onboarding/style-detection/analysis/{analysis_id}", user=INTRUDER).status == 404

    _change_everything(http, INTRUDER)
    assert _everything(http, VICTIM) == before


def _change_everything(http: Client, user: str) -> None:
    for number in STEP_DATA:
        extra = {"user_id": VICTIM, "session_id": 1}
        assert complete_step(http, user, number, {**STEP_DATA[number], **extra}).status == 200
    for path in ("start", "complete", "step/4/skip", "step/5/skip", "reset", "api-keys/validate", "reset?hard=true"):
        assert http.post(f"/api/onboarding/{path}", user=user, json={"user_id": VICTIM}).status == 200
    draft = {"core_persona": {"identity": {}}, "user_id": VICTIM}
    assert http.post("/api/onboarding/step4/persona-save", user=user, json=draft).status == 200
    key = {"provider": "openai", "api_key": "sk-intruder-12345", "user_id": VICTIM}
    assert http.post(f"/api/onboarding/api-keys?user_id={VICTIM}", user=user, json=key).status == 200
    for provider in ("gemini", "exa", "copilotkit"):
        assert http.delete(f"/api/onboarding/api-keys/{provider}", user=user).status == 204


def test_two_users_with_the_same_website_have_an_analysis_each(http: Client) -> None:
    """Neither replaces the other's."""
    for user in (VICTIM, INTRUDER):
        complete_step(http, user, 2, {"website": "https://same.example.com", "writing_style": {"tone": user}})
    for user in (VICTIM, INTRUDER):
        found = http.get("/api/onboarding/website-analysis", user=user).json()
        assert found["style_analysis"]["writing_style"] == {"tone": user}
