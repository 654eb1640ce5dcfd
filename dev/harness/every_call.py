"""Every call of the API that reaches the database, for whatever has to hold for each of them."""

from __future__ import annotations

from dev.harness.wizard import INTEGRATIONS, KEYS, PERSONA, RESEARCH, WEBSITE

BASE = "/api/onboarding"

READS = [
    "init",
    "status",
    "progress",
    "resume",
    "export",
    "summary",
    "api-keys",
    "api-keys/onboarding",
    "website-analysis",
    "research-preferences",
    "step4/persona-latest",
    "style-detection/check-existing/https%3A%2F%2Fshop.example.com%2Fa%3Fb%3Dc",
    "style-detection/analysis/1",
    "style-detection/session-analyses",
    *[f"step/{number}" for number in range(1, 7)],
    *[f"step/{number}/validate" for number in range(1, 7)],
]
WRITES: list[tuple[str, str, object]] = [
    ("POST", "start", {}),
    ("POST", "step/1/complete", {"data": KEYS}),
    ("POST", "step/2/complete", {"data": WEBSITE}),
    ("POST", "step/3/complete", {"data": RESEARCH}),
    ("POST", "step/4/complete", {"data": PERSONA}),
    ("POST", "step/5/complete", {"data": INTEGRATIONS}),
    ("POST", "step/6/complete", {}),
    ("POST", "step/4/skip", {}),
    ("POST", "step4/persona-save", {"core_persona": {}}),
    ("POST", "api-keys", {"provider": "openai", "api_key": "sk-0123456789abcdef"}),
    ("DELETE", "api-keys/openai", ...),
    ("POST", "complete", {}),
    ("POST", "reset", {}),
    ("POST", "reset?hard=true", {}),
]
