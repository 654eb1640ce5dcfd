"""The whole wizard as a person goes through it: six steps, then step 6 and the session read back."""

from __future__ import annotations

from typing import Any

from dev.harness.client import Client, Response
from dev.harness.wizard import GEMINI, STEP_DATA

API = "/api/onboarding"
ENCODED_WEBSITE = "https%3A%2F%2Fshop.example.com%2Fa%3Fb%3Dc"


def walk(client: Client, user: str) -> None:
    """Take all steps as a new user, and check at each point what a person would see."""
    assert _ok(client.get(f"{API}/init", user=user))["onboarding"]["current_step"] == 1
    _ok(client.post(f"{API}/start", user=user))
    for number, data in STEP_DATA.items():
        assert _ok(client.get(f"{API}/step/{number}/validate", user=user))["can_proceed"], f"step {number} is locked"
        answer = _ok(client.post(f"{API}/step/{number}/complete", user=user, json={"data": data}))
        assert answer["step_number"] == number
    assert _ok(client.post(f"{API}/complete", user=user))["completion_percentage"] == 100.0
    _check_what_is_read_back(client, user)


def _check_what_is_read_back(client: Client, user: str) -> None:
    summary = _ok(client.get(f"{API}/summary", user=user))
    assert summary["website_url"] == STEP_DATA[2]["website"]
    assert summary["api_keys"]["gemini"] == "AIza…kkkk"
    assert summary["style_analysis"]["writing_style"] == STEP_DATA[2]["analysis"]["writing_style"]
    assert summary["persona"]["corePersona"] == STEP_DATA[4]["corePersona"]
    assert summary["integrations"] == STEP_DATA[5]
    assert _ok(client.get(f"{API}/status", user=user))["is_completed"] is True
    assert _ok(client.get(f"{API}/api-keys/onboarding", user=user))["api_keys"]["gemini"] == GEMINI
    path = f"{API}/style-detection/check-existing/{ENCODED_WEBSITE}"
    assert _ok(client.get(path, user=user))["exists"] is True, "the encoded address of the website did not arrive whole"


def _ok(response: Response) -> Any:
    assert response.status == 200, f"{response.status}: {response.text}"
    return response.json()
