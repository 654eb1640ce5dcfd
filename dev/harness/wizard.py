"""Payloads as the wizard sends them, and the calls that send them."""

from __future__ import annotations

from typing import Any

from dev.harness.client import Client, Response
from lib.steps.definitions import SIX_STEPS

GEMINI = "AIza" + "k" * 35
EXA = "6287cced-9041-dff0-2cee-737443e21047"
COPILOTKIT = "ck_pub_0d9106fd287db7f1adbc60926f6967e7"

KEYS: dict[str, Any] = {"api_keys": {"gemini": GEMINI, "exa": EXA, "copilotkit": COPILOTKIT}}
WEBSITE: dict[str, Any] = {
    "website": "https://shop.example.com/a?b=c",
    "domainName": "shop.example.com",
    "analysis": {
        "writing_style": {"tone": "Playful", "voice": "Active", "complexity": "Moderate"},
        "target_audience": {"demographics": ["Founders"]},
        "content_type": {"primary_type": "Guides"},
        "crawl_result": {"content": "Grüße 👋"},
        "best_practices": ["Lead with the benefit"],
    },
    "useAnalysisForGenAI": True,
}
RESEARCH: dict[str, Any] = {
    **WEBSITE,
    "competitors": [{"url": "https://rival.example.net", "relevance_score": 0.9}],
    "researchSummary": {"total_competitors": 1},
    "userUrl": "https://shop.example.com",
    "industryContext": None,
}
PERSONA: dict[str, Any] = {
    "corePersona": {"identity": {"voice": "Patient expert"}, "tonal_range": {"primary_tone": "Warm"}},
    "platformPersonas": {"linkedin": {"character_limit": 3000}},
    "qualityMetrics": {"overall_score": 85},
    "selectedPlatforms": ["linkedin"],
}
INTEGRATIONS: dict[str, Any] = {"connectedPlatforms": ["wix", "gsc"], "primaryWebsite": "https://shop.example.com"}
BUSINESS: dict[str, Any] = {
    "business_description": "Bread and cakes for the neighbourhood.",
    "industry": "Food",
    "target_audience": "Families nearby",
    "business_goals": "More orders before noon",
}

SAMPLES: dict[str, dict[str, Any]] = {
    "api_keys": KEYS,
    "website": WEBSITE,
    "research": RESEARCH,
    "persona": PERSONA,
    "integrations": INTEGRATIONS,
    "finish": {},
}
STEP_DATA = {number: SAMPLES[step.key] for number, step in SIX_STEPS.numbered()}
"""What the wizard sends for each step, by the number under which it sends it."""


def complete_step(http: Client, user: str, number: int, data: Any = None) -> Response:
    """Send a step, with the usual payload unless another is given."""
    sent = STEP_DATA[number] if data is None else data
    return http.post(f"/api/onboarding/step/{number}/complete", user=user, json={"data": sent})


def walk(http: Client, user: str, *numbers: int) -> None:
    """Complete these steps, each with its usual payload."""
    for number in numbers:
        response = complete_step(http, user, number)
        assert response.status == 200, response.text
