"""Every call of the API that needs a token, for whatever has to hold for each of them.

A test compares these lists with the routes of all functions, so none can be left out.
"""

from __future__ import annotations

from dev.harness.client import Client
from dev.harness.wizard import BUSINESS, STEP_DATA
from lib.steps.definitions import SIX_STEPS

BASE = "/api/onboarding"
NO_SUCH_STEP = f"{BASE}/step/{len(SIX_STEPS) + 1}"
"""A 404 with a good token, answered without a database."""

FIRST_ANALYSIS = "style-detection/analysis/1"
FIRST_BUSINESS_INFO = "business-info/1"
READS = [
    "init",
    "session",
    "status",
    "progress",
    "resume",
    "export",
    "summary",
    "api-keys",
    "api_keys",
    "api-keys/onboarding",
    "website-analysis",
    "website_analysis",
    "research-preferences",
    "research_preferences",
    "step4/persona-latest",
    "persona",
    "integrations",
    "style-detection/check-existing/https%3A%2F%2Fshop.example.com%2Fa%3Fb%3Dc",
    FIRST_ANALYSIS,
    "style-detection/session-analyses",
    "business-info/user/me",
    FIRST_BUSINESS_INFO,
    *[f"step/{number}" for number in STEP_DATA],
    *[f"step/{number}/validate" for number in STEP_DATA],
]
POSTED_READS = ["api-keys/validate"]

SAVES: list[tuple[str, str, object]] = [
    ("POST", "start", {}),
    *[("POST", f"step/{number}/complete", {"data": data}) for number, data in STEP_DATA.items()],
    ("POST", "step4/persona-save", {"core_persona": {}}),
    ("POST", "api-keys", {"provider": "openai", "api_key": "sk-0123456789abcdef"}),
    ("POST", "business-info", BUSINESS),
]
"""Together they leave a row of the user in every table."""

WRITES: list[tuple[str, str, object]] = [
    *SAVES,
    *[("POST", f"step/{number}/skip", {}) for number, step in SIX_STEPS.numbered() if not step.required],
    ("PUT", FIRST_BUSINESS_INFO, BUSINESS),
    ("PUT", FIRST_ANALYSIS, {"brand_analysis": {"voice": "Warm"}, "seo_audit": {"score": 7}}),
    ("DELETE", FIRST_ANALYSIS, ...),
    ("DELETE", "api-keys/openai", ...),
    ("POST", "complete", {}),
    ("POST", "reset", {}),
    ("POST", "reset?hard=true", {}),
]

REFUSED: list[tuple[str, str, object]] = [
    *[("POST", f"step/{number}/skip", {}) for number, step in SIX_STEPS.numbered() if step.required],
    ("GET", "step/0", ...),
    ("POST", "step/0/complete", {}),
    ("POST", "step/0/skip", {}),
    ("GET", "step/0/validate", ...),
]
"""Refused whatever is stored, before the database is asked."""


def save_everything(client: Client, user: str) -> None:
    """Store something of the user in every table."""
    for method, path, body in SAVES:
        response = client.request(method, f"{BASE}/{path}", user=user, json=body)
        assert response.status == 200, response.text


def with_ids_of(client: Client, user: str, path: str) -> str:
    """A path of these lists with the ids that the user's own rows have, where it asks for the first of its kind."""
    if path == FIRST_ANALYSIS:
        analysis = client.get(f"{BASE}/website-analysis", user=user).json()
        return path if analysis is None else path.replace("/1", f"/{analysis['analysis_id']}")
    if path == FIRST_BUSINESS_INFO:
        return path.replace("/1", f"/{client.get(f'{BASE}/business-info/user/me', user=user).json()['id']}")
    return path
