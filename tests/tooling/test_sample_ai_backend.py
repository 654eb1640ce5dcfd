from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from dev.harness.client import Client, Response
from dev.sample_ai_backend import BASE, STAGES, serving

SITE = "https://www.bakery.example.com/about?x=1"
PERSONA_REQUEST: dict[str, Any] = {
    "onboarding_data": {"websiteAnalysis": None, "sitemapAnalysis": {"user_url": SITE}, "businessData": None},
    "selected_platforms": ["linkedin", "blog"],
    "user_preferences": None,
}
STYLE = {"url": SITE, "include_patterns": True, "include_guidelines": True}
GENERATING = {
    "style-detection/complete": STYLE,
    "step3/discover-competitors": {"user_url": SITE, "num_results": 25, "industry_context": None},
    "step3/analyze-sitemap": {"user_url": SITE, "competitors": ["rival.example.net"]},
    "step4/generate-personas": PERSONA_REQUEST,
    "step4/generate-personas-async": PERSONA_REQUEST,
}
NO_TEXT = {"session_id", "timestamp", "analysis_timestamp", "analysis_date", "published_date", "earliest", "latest"}
"""Fields whose text cannot be marked: ids and times."""


@pytest.fixture(scope="module")
def reported() -> list[str]:
    """The lines that the backend reported."""
    return []


@pytest.fixture(scope="module")
def backend(reported: list[str]) -> Iterator[Client]:
    """A client of a sample backend that answers at once."""
    with serving(delay=0, report=reported.append) as url:
        yield _client(url)


@pytest.mark.parametrize("call", GENERATING)
def test_an_answer_is_marked_and_names_the_website(backend: Client, call: str) -> None:
    """Nobody takes it for a real analysis; and another website gets another answer."""
    answer = _post(backend, call).json()
    if "task_id" in answer:
        answer = _finished(backend, answer["task_id"])["result"]
    texts = [text for text in _texts(answer) if not text.startswith("http")]
    assert len(texts) > 5
    assert [text for text in texts if "sample" not in text.lower()] == []
    assert "bakery.example.com" in repr(answer)


def test_a_style_has_every_part_that_the_page_shows(backend: Client) -> None:
    """The page reads these seven parts of the analysis, the patterns and the guidelines."""
    answer = _post(backend, "style-detection/complete").json()
    assert answer["success"] is True
    assert answer["error"] is None
    assert set(answer["style_analysis"]) == {
        "writing_style",
        "content_characteristics",
        "target_audience",
        "content_type",
        "recommended_settings",
        "brand_analysis",
        "content_strategy_insights",
    }
    assert answer["style_patterns"]["style_consistency"]
    assert answer["style_guidelines"]["guidelines"]["tone_recommendations"]
    assert answer["crawl_result"]["success"] is True


def test_patterns_and_guidelines_come_when_asked_for(backend: Client) -> None:
    """As with the real service, which pays for each."""
    body = {"url": SITE, "include_patterns": False, "include_guidelines": False}
    answer = backend.post(f"{BASE}/style-detection/complete", json=body).json()
    assert answer["style_analysis"]
    assert (answer["style_patterns"], answer["style_guidelines"]) == (None, None)


def test_competitors_have_what_a_card_of_the_page_shows(backend: Client) -> None:
    """The page calls methods of these fields, so a missing one would blank it."""
    answer = _post(backend, "step3/discover-competitors").json()
    assert answer["total_competitors"] == len(answer["competitors"]) > 0
    for competitor in answer["competitors"]:
        assert all(isinstance(competitor[name], str) for name in ("url", "domain", "title", "summary"))
        assert 0 < competitor["relevance_score"] <= 1
    assert answer["research_summary"]["market_insights"]


def test_no_more_competitors_than_asked_for(backend: Client) -> None:
    """`num_results` is the most that the caller takes."""
    body = {"user_url": SITE, "num_results": 1}
    assert backend.post(f"{BASE}/step3/discover-competitors", json=body).json()["total_competitors"] == 1


def test_a_persona_task_rises_to_its_end_and_stays_there(backend: Client) -> None:
    """The page shows each poll's progress, and gives up when it stands still."""
    task_id = _post(backend, "step4/generate-personas-async").json()["task_id"]
    polls = [backend.get(f"{BASE}/step4/persona-task/{task_id}").json() for _ in range(len(STAGES) + 1)]
    progress = [poll["progress"] for poll in polls]
    assert progress[:-1] == sorted(set(progress))
    assert progress[-2:] == [100, 100]
    assert [poll["status"] for poll in polls] == ["running"] * (len(STAGES) - 1) + ["completed"] * 2
    assert [poll["result"] is None for poll in polls] == [True] * (len(STAGES) - 1) + [False] * 2
    assert [len(poll["progress_messages"]) for poll in polls] == [*range(1, len(STAGES) + 1), len(STAGES)]


def test_the_steps_take_what_was_generated(backend: Client, http: Client) -> None:
    """What the page makes of the answers completes steps 2, 3 and 4."""
    style = _post(backend, "style-detection/complete").json()
    found = _post(backend, "step3/discover-competitors").json()
    personas = _post(backend, "step4/generate-personas").json()
    sent: dict[int, dict[str, Any]] = {
        2: {"website": SITE, "analysis": {**style["style_analysis"], "style_patterns": style["style_patterns"]}},
        3: {"competitors": found["competitors"], "researchSummary": found["research_summary"], "userUrl": SITE},
        4: {
            "corePersona": personas["core_persona"],
            "platformPersonas": personas["platform_personas"],
            "qualityMetrics": personas["quality_metrics"],
            "selectedPlatforms": PERSONA_REQUEST["selected_platforms"],
        },
    }
    for number, data in sent.items():
        answer = http.post(f"{BASE}/step/{number}/complete", user="user_a", json={"data": data})
        assert answer.status == 200, answer.text
    assert set(personas["platform_personas"]) == {"linkedin", "blog"}


@pytest.mark.parametrize("body", [[], {}, {"url": 1, "user_url": ""}, {"onboarding_data": {}, "selected_platforms": 1}])
@pytest.mark.parametrize("call", GENERATING)
def test_a_malformed_request_is_refused(backend: Client, call: str, body: object) -> None:
    """As with the real service; and the refusal is JSON."""
    answer = backend.post(f"{BASE}/{call}", json=body)
    assert answer.status == 422
    assert answer.json()["title"]
    assert answer.json()["detail"]


def test_an_unknown_task_is_not_found(backend: Client) -> None:
    """The page stops polling then, and shows a person the `detail`."""
    answer = backend.get(f"{BASE}/step4/persona-task/nothing")
    assert (answer.status, answer.json()["detail"]) == (404, "There is no persona task of that id.")
    unknown = backend.get("/no/such/call")
    assert (unknown.status, unknown.json()["detail"]) == (404, "404 Not Found")


@pytest.mark.parametrize("call", GENERATING)
def test_each_call_is_reported_with_a_line(backend: Client, reported: list[str], call: str) -> None:
    """Whoever watches the terminal sees what the page waits for."""
    before = len(reported)
    _post(backend, call)
    assert len(reported) == before + 1
    assert reported[-1].startswith("Sample AI backend: ")


def test_an_answer_takes_its_time() -> None:
    """The page shows its progress meanwhile, as it will with the real service."""
    with serving(delay=0.3) as url:
        asked_at = time.monotonic()
        _post(_client(url), "style-detection/complete")
        assert time.monotonic() - asked_at >= 0.3


def test_closing_does_not_wait_for_a_slow_answer() -> None:
    """Ctrl-C ends `make dev` at once, whatever is being generated."""
    answers = list[Response]()
    begun = threading.Event()
    with serving(delay=3600, report=lambda _line: begun.set()) as url:
        waiting = threading.Thread(target=lambda: answers.append(_post(_client(url), "style-detection/complete")))
        waiting.start()
        assert begun.wait(30)
        assert answers == []
        closed_at = time.monotonic()
    waiting.join(30)
    assert time.monotonic() - closed_at < 30
    assert [answer.status for answer in answers] == [200]


def _client(url: str) -> Client:
    parts = urlsplit(url)
    assert parts.port is not None
    return Client(str(parts.hostname), parts.port, lambda user: user)


def _post(backend: Client, call: str) -> Response:
    response = backend.post(f"{BASE}/{call}", json=GENERATING[call])
    assert response.status == 200, response.text
    return response


def _finished(backend: Client, task_id: str) -> dict[str, Any]:
    for _ in STAGES:
        task: dict[str, Any] = backend.get(f"{BASE}/step4/persona-task/{task_id}").json()
    return task


def _texts(value: object, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name not in NO_TEXT | {"domain", "platform_type", "active_to_passive_ratio"}:
        yield value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, key)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry, name)
