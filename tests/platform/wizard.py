"""The whole wizard as a person goes through it: six steps, then step 6 and the session read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.client import Client, Response

API = "/api/onboarding"
WEBSITE = "https://bakery.example.com/über uns"
ENCODED_WEBSITE = "https%3A%2F%2Fbakery.example.com%2F%C3%BCber%20uns"
GEMINI_KEY = "AIzaSyA-a-key-of-the-platform-tests"

STEPS: Mapping[int, dict[str, Any]] = {
    1: {
        "api_keys": {
            "gemini": GEMINI_KEY,
            "exa": "3f6a1c52-8a0e-4a4b-9d53-0c7f5b1e2a90",
            "copilotkit": "ck_pub_0123456789abcdef",
        }
    },
    2: {
        "website": WEBSITE,
        "domainName": "bakery.example.com",
        "useAnalysisForGenAI": True,
        "analysis": {
            "writing_style": {"tone": "Warm ☀", "voice": "Plural", "complexity": "Simple"},
            "content_characteristics": {"sentence_structure": "Short"},
            "target_audience": {"demographics": ["Home bakers"], "expertise_level": "Beginner"},
            "content_type": {"primary_type": "Blog", "purpose": "Teach"},
            "guidelines": {"tone": ["Stay warm"]},
        },
    },
    3: {"competitors": [{"name": "Other", "url": "https://other.example.com"}], "researchSummary": {"found": 1}},
    4: {
        "corePersona": {"identity": {"persona_name": "The Patient Baker", "voice": "Encouraging"}},
        "platformPersonas": {"linkedin": {"style": "Professional"}},
        "qualityMetrics": {"overall_score": 92.5},
        "selectedPlatforms": ["linkedin"],
    },
    5: {"connectedPlatforms": ["wix", "gsc"], "primaryWebsite": WEBSITE, "email": "baker@example.com"},
    6: {},
}


def walk(client: Client, user: str) -> None:
    """Take all steps as a new user, and check at each point what a person would see."""
    assert _ok(client.get(f"{API}/init", user=user))["onboarding"]["current_step"] == 1
    _ok(client.post(f"{API}/start", user=user))
    for number, data in STEPS.items():
        assert _ok(client.get(f"{API}/step/{number}/validate", user=user))["can_proceed"], f"step {number} is locked"
        answer = _ok(client.post(f"{API}/step/{number}/complete", user=user, json={"data": data}))
        assert answer["step_number"] == number
    assert _ok(client.post(f"{API}/complete", user=user))["completion_percentage"] == 100.0
    _check_what_is_read_back(client, user)


def _check_what_is_read_back(client: Client, user: str) -> None:
    summary = _ok(client.get(f"{API}/summary", user=user))
    assert summary["website_url"] == WEBSITE
    assert summary["api_keys"]["gemini"] == "AIza…ests"
    assert summary["style_analysis"]["writing_style"]["tone"] == "Warm ☀"
    assert summary["persona"]["corePersona"] == STEPS[4]["corePersona"]
    assert summary["integrations"]["connectedPlatforms"] == ["wix", "gsc"]
    assert _ok(client.get(f"{API}/status", user=user))["is_completed"] is True
    assert _ok(client.get(f"{API}/api-keys/onboarding", user=user))["api_keys"]["gemini"] == GEMINI_KEY
    path = f"{API}/style-detection/check-existing/{ENCODED_WEBSITE}"
    assert _ok(client.get(path, user=user))["exists"] is True, "the encoded address of the website did not arrive whole"


def _ok(response: Response) -> Any:
    assert response.status == 200, f"{response.status}: {response.text}"
    return response.json()
