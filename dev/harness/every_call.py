"""Every call of the API that needs a token, for whatever has to hold for each of them.

A test compares these lists with the routes of all functions, so none can be left out.
"""

from __future__ import annotations

from dev.harness.client import Client
from dev.harness.wizard import BUSINESS, STEP_DATA
from lib.http.endpoints import business_info
from lib.steps.definitions import SIX_STEPS

BASE = "/api/onboarding"
NO_SUCH_STEP = f"{BASE}/step/{len(SIX_STEPS) + 1}"
"""A 404 with a good token, answered without a database."""

FIRST_ANALYSIS = "style-detection/analysis/1"
OWN_BUSINESS_INFO = "business-info/{id}"
READS = [
    "init",
    "session",
    "status",
    "progress",
    "requirements",
    "resume",
    "history",
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
    OWN_BUSINESS_INFO,
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

DRAFTS: list[tuple[str, str, object]] = [
    *[("PUT", f"step/{number}/draft", {"data": {"note": "half"}}) for number in STEP_DATA],
    *[("DELETE", f"step/{number}/draft", ...) for number in STEP_DATA],
]

WRITES: list[tuple[str, str, object]] = [
    *SAVES,
    *[("POST", f"step/{number}/skip", {}) for number, step in SIX_STEPS.numbered() if not step.required],
    *DRAFTS,
    ("PUT", OWN_BUSINESS_INFO, BUSINESS),
    ("PUT", FIRST_ANALYSIS, {"brand_analysis": {"voice": "Warm"}, "seo_audit": {"score": 7}}),
    ("DELETE", FIRST_ANALYSIS, ...),
    ("DELETE", "api-keys/openai", ...),
    ("POST", "complete", {}),
    ("POST", "reset", {}),
    ("POST", "reset?hard=true", {}),
]

CONDITIONAL = [write for write in WRITES if write[1].startswith("step/")]
"""The writes that an `If-Match` makes conditional."""

ANY_VERSION = {"If-Match": ", ".join(f'"{version}"' for version in range(50))}
"""A condition that is checked and that holds."""

REFUSED: list[tuple[str, str, object]] = [
    *[("POST", f"step/{number}/skip", {}) for number, step in SIX_STEPS.numbered() if step.required],
    ("GET", "step/0", ...),
    ("POST", "step/0/complete", {}),
    ("POST", "step/0/skip", {}),
    ("PUT", "step/0/draft", {}),
    ("DELETE", "step/0/draft", ...),
    ("GET", "step/0/validate", ...),
]
"""Refused whatever is stored, before the database is asked."""


def url(path: str, user: str, client: Client | None = None) -> str:
    """The URL of a call of these lists, made by a user. With a client, an analysis is the user's newest, if any."""
    if client and path == FIRST_ANALYSIS and (newest := client.get(f"{BASE}/website-analysis", user=user).json()):
        return f"{BASE}/{path.replace('/1', f'/{newest["analysis_id"]}')}"
    return f"{BASE}/{path.format(id=business_info.id_of(user))}"


def save_everything(client: Client, user: str) -> None:
    """Store something of the user in every table."""
    for method, path, body in SAVES:
        response = client.request(method, url(path, user), user=user, json=body)
        assert response.status == 200, response.text
