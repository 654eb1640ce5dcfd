"""Warnings: a name that was probably misspelt is said, and stored all the same."""

from __future__ import annotations

from typing import Any

import pytest

from dev.harness.client import Client
from dev.harness.wizard import GEMINI, KEYS, PERSONA, RESEARCH, STEP_DATA, WEBSITE, walk
from lib.steps.definitions import RESEARCH as RESEARCH_STEP
from lib.steps.unread_fields import MAX_WARNINGS, unread_fields
from tests.support.flows import use_flow
from tests.support.page import API, FIVE_STEP_WEBSITE, read
from tests.support.page import RESEARCH as RESEARCH_OF_PAGE

USER = "user_2warned"


def warnings(http: Client, number: int, data: Any) -> Any:
    response = http.post(f"{API}/step/{number}/complete", user=USER, json={"data": data})
    assert response.status == 200, response.text
    return response.json()["warnings"]


@pytest.mark.parametrize(
    ("number", "data", "field", "meant"),
    [
        (1, {**KEYS, "apiKeys": {}}, "data.apiKeys", "api_keys"),
        (2, {**WEBSITE, "Analysis": {}}, "data.Analysis", "analysis"),
        (2, {**WEBSITE, "websites": "x"}, "data.websites", "website"),
        (2, {**WEBSITE, "business_data": {}}, "data.business_data", "businessData"),
        (2, {**WEBSITE, "domain_name": "x"}, "data.domain_name", "domainName"),
        (2, {**WEBSITE, "useAnalysisForGenAi": True}, "data.useAnalysisForGenAi", "useAnalysisForGenAI"),
        (2, {**WEBSITE, "analysis": {"writingStyle": {}}}, "data.analysis.writingStyle", "writing_style"),
        (2, {**WEBSITE, "analysis": {"best_practice": []}}, "data.analysis.best_practice", "best_practices"),
        (3, {**RESEARCH, "contentTypes": []}, "data.contentTypes", "content_types"),
        (3, {**RESEARCH, "competitor": []}, "data.competitor", "competitors"),
        (3, {**RESEARCH, "user_url": "x"}, "data.user_url", "userUrl"),
        (4, {**PERSONA, "core_persona": {}}, "data.core_persona", "corePersona"),
        (5, {"connected_platforms": []}, "data.connected_platforms", "connectedPlatforms"),
        (6, {"contentTypes": []}, "data.contentTypes", "content_types"),
    ],
)
def test_a_near_miss_is_told_and_stored(http: Client, number: int, data: Any, field: str, meant: str) -> None:
    """By case, underscores or one letter; the payload comes back as it was sent."""
    walk(http, USER, 1, 2, 3)
    expected = f"Step {number} does not read this field. Did you mean {meant}?"
    assert warnings(http, number, data) == [{"field": field, "code": "unread_field", "message": expected}]
    if number != 1:
        assert read(http, USER, f"step/{number}")["data"] == data


@pytest.mark.usefixtures("ai_backend")
def test_what_the_page_sends_is_no_near_miss(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of either page, with what other steps read and what nobody reads."""
    for number, data in {
        **STEP_DATA,
        3: {**WEBSITE, **RESEARCH_OF_PAGE},
    }.items():
        assert warnings(http, number, data) == []
    use_flow(monkeypatch, "five")
    assert warnings(http, 1, FIVE_STEP_WEBSITE) == []


def test_a_key_in_the_place_of_a_name_is_not_shown(http: Client) -> None:
    """Whoever swaps a name and its value does not find the key in a warning."""
    assert GEMINI not in str(warnings(http, 1, {**KEYS, GEMINI: "gemini"}))


def test_warnings_are_few_and_quick() -> None:
    """20 at most, and of a hundred thousand names only the first are looked at."""
    many = {f"competitor{'_' * number}": 1 for number in range(40)}
    found = unread_fields(RESEARCH_STEP, 3, many)
    assert len(found) == MAX_WARNINGS == 20
    assert unread_fields(RESEARCH_STEP, 3, {**{f"name{number}": 1 for number in range(100_000)}, "competitor": 1}) == []


def test_defaults_are_no_personalization(http: Client) -> None:
    """True only when something that is stored says a style, a tone or a voice."""
    walk(http, USER, 1)
    plain = {"website": "https://plain.example.com", "analysis": {"content_type": {"purpose": "Sell"}}}
    assert warnings(http, 2, plain) == []
    assert warnings(http, 3, {"research_depth": "Basic"}) == []
    found = read(http, USER, "summary")
    assert found["personalization_settings"]["tone"] == "Formal"
    assert found["capabilities"]["personalization"] is False
    warnings(http, 2, {**plain, "analysis": {"writing_style": {"tone": "Warm"}}})
    assert read(http, USER, "summary")["capabilities"]["personalization"] is True


def test_an_empty_persona_names_everything_at_once(http: Client) -> None:
    """Nobody learns of `identity` only at the second try."""
    response = http.post(f"{API}/step/4/complete", user=USER, json={"data": {}})
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["data.corePersona", "data.corePersona.identity", "data.platformPersonas"]
