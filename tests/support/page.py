"""What the wizard's own page sends, in its order, as recorded from it in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dev.harness.client import Client, Response
from dev.harness.wizard import BUSINESS, COPILOTKIT, EXA, GEMINI
from dev.harness.wizard import PERSONA as PERSONA_DATA

API = "/api/onboarding"
SITE = "https://bakery.example.com"
FINE = range(200, 300)


@dataclass(frozen=True)
class PageRequest:
    """One request of the page, and which statuses let it go on."""

    method: str
    path: str
    body: Any = ...
    fine: Sequence[int] = FINE


def _get(path: str, *also_fine: int) -> PageRequest:
    return PageRequest("GET", path, fine=[*FINE, *also_fine])


def _post(path: str, body: Any = ...) -> PageRequest:
    return PageRequest("POST", path, body)


def _complete(number: int, data: Any) -> PageRequest:
    return _post(f"{API}/step/{number}/complete", {"data": data, "validation_errors": []})


def _key(provider: str, key: str) -> PageRequest:
    return _post(f"{API}/api-keys", {"provider": provider, "api_key": key, "description": f"{provider} key"})


def _typed(provider: str, key: str, prefix: str) -> list[PageRequest]:
    """A save for each character typed behind the prefix."""
    return [_key(provider, key[:end]) for end in range(len(prefix) + 1, len(key) + 1)]


URL = {"url": SITE, "include_patterns": True, "include_guidelines": True}
RESEARCH: dict[str, Any] = {
    "website": SITE,
    "analysis": {"writing_style": {"tone": "Warm"}},
    "competitors": [],
    "researchSummary": None,
    "sitemapAnalysis": None,
    "userUrl": SITE,
    "industryContext": None,
    "analysisTimestamp": "2026-11-24T10:00:01",
}
FIVE_STEP_WEBSITE = {
    "website": SITE,
    "domainName": "bakery.example.com",
    "analysis": {"writing_style": {"tone": "Warm"}, "seo_audit": {"score": 71}},
    "crawlResult": {"content": "Fresh bread every day"},
    "useAnalysisForGenAI": True,
    "integrations": {"wix": False},
    "email": "baker@example.com",
}

OPENED = [_get("/health"), _get(f"{API}/init")]
KEYS = [
    _get(f"{API}/api-keys/onboarding"),
    _get(f"{API}/step/1"),
    _key("gemini", GEMINI),
    _key("exa", EXA),
    _key("copilotkit", COPILOTKIT),
]
KEYS_LETTER_BY_LETTER = [
    *KEYS[:2],
    *_typed("gemini", GEMINI, "AIza"),
    _key("exa", EXA),
    *_typed("copilotkit", COPILOTKIT, "ck_pub_"),
]
WEBSITE = [
    _get(f"{API}/style-detection/session-analyses"),
    _get(f"{API}/style-detection/check-existing/{quote(SITE, safe='')}"),
    _post(f"{API}/style-detection/complete", URL),
]
BUSINESS_INFO = [
    WEBSITE[0],
    _post("/onboarding/business-info", {**BUSINESS, "user_id": 1}),
    _complete(2, {"website": None, "analysis": None, "businessData": BUSINESS}),
]
FOUND = [
    _post(f"{API}/step3/discover-competitors", {"user_url": SITE, "max_results": 25}),
    _post(f"{API}/step3/analyze-sitemap", {"user_url": SITE}),
]
GENERATED = [
    _get(f"{API}/step4/persona-latest", 404),
    _post(f"{API}/step4/generate-personas-async", {"onboarding_data": {}, "selected_platforms": ["linkedin"]}),
    _get(f"{API}/step4/persona-task/task-1"),
]
OTHERS = [_get("/gsc/status", 404), _get("/wp/status", 404)]
FINISHED = [
    _get(f"{API}/summary"),
    _get(f"{API}/website-analysis"),
    _get(f"{API}/research-preferences"),
    _complete(6, {}),
    _post(f"{API}/complete", {}),
    _post("/api/log-error", {"message": "a component failed", "stack": "Error\n  at Step"}),
]

type Stages = Sequence[Sequence[PageRequest]]


def six_steps(*, keys: Sequence[PageRequest] = KEYS, second: Sequence[PageRequest] = WEBSITE) -> Stages:
    """Each page of the six-step wizard, with what it sends. A person may leave behind any of them."""
    research = [*FOUND, _complete(3, RESEARCH), _get(f"{API}/status")]
    return [[*OPENED, *keys], second, research, [*GENERATED, _complete(4, PERSONA_DATA)], [*OTHERS, *FINISHED]]


def five_steps() -> Stages:
    """The same of the five-step wizard, which has no page for keys and still sends `step/6` at the end."""
    website = [*OPENED, *WEBSITE, _complete(1, FIVE_STEP_WEBSITE)]
    research = [*FOUND, _complete(2, RESEARCH), _get(f"{API}/status")]
    return [website, research, [*GENERATED, _complete(3, PERSONA_DATA)], [*OTHERS, *FINISHED]]


def send(client: Client, user: str, stages: Stages) -> None:
    """Send every request, and stop at one that would stop the page."""
    for request in (request for stage in stages for request in stage):
        options = {} if request.body is ... else {"json": request.body}
        response = client.request(request.method, request.path, user=user, **options)
        assert response.status in request.fine, f"{request.method} {request.path}: {response.status} {response.text}"


def resumes(client: Client, user: str, stages: Stages) -> Iterator[tuple[Any, Any]]:
    """Send the stages one by one; behind each, what the page reads when the person comes back: `init` and `resume`."""
    for stage in stages:
        send(client, user, [stage])
        yield read(client, user, "init")["onboarding"], read(client, user, "resume")


def read(client: Client, user: str, name: str) -> Any:
    """The JSON of a GET that has to succeed."""
    response: Response = client.get(f"{API}/{name}", user=user)
    assert response.status == 200, response.text
    return json.loads(response.body)


def assert_done(client: Client, user: str, *, site: str | None = SITE) -> None:
    """Onboarding is completed, and what the AI backend and the person gave is there."""
    status, summary = read(client, user, "status"), read(client, user, "summary")
    assert (status["is_completed"], status["completion_percentage"]) == (True, 100.0)
    assert summary["website_url"] == site
    assert summary["persona"]["corePersona"] == PERSONA_DATA["corePersona"]
    assert summary["research_preferences"]["competitors"] == []
