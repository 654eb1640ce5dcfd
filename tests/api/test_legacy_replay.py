"""Real input: what the old wizard sent, as its progress files kept it, goes through the API step by step."""

import json
from pathlib import Path
from typing import Any

import pytest

from dev.harness.client import Client
from lib.steps.api_keys import masked

LEGACY = Path(__file__).parents[1] / "fixtures" / "legacy"
FILES = sorted(LEGACY.glob(".onboarding_progress*.json"))


def test_the_old_system_s_files_are_there() -> None:
    """Without them the replay would test nothing."""
    assert len(FILES) >= 9


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem.removeprefix(".onboarding_progress"))
def test_every_step_of_a_progress_file_comes_back(http: Client, file: Path) -> None:
    """Each field as it was sent, and step 6 shows what the file holds."""
    user = file.stem.removeprefix(".onboarding_progress").removeprefix("_") or "user_2global"
    progress = json.loads(file.read_text(encoding="utf-8"))
    steps = {step["step_number"]: step for step in progress["steps"]}
    for number, step in steps.items():
        _replay(http, user, number, step)
    for number, step in steps.items():
        found = http.get(f"/api/onboarding/step/{number}", user=user).json()
        assert (found["status"], found["title"]) == (step["status"], step["title"])
        if step["status"] == "completed":
            assert found["data"] == _as_answered(number, step["data"])
    _summary_shows(http, user, {number: step["data"] or {} for number, step in steps.items()})
    if progress["is_completed"]:
        assert http.post("/api/onboarding/complete", user=user).status == 200
    status = http.get("/api/onboarding/status", user=user).json()
    assert (status["current_step"], status["is_completed"]) == (progress["current_step"], progress["is_completed"])


def _replay(http: Client, user: str, number: int, step: dict[str, Any]) -> None:
    path = f"/api/onboarding/step/{number}"
    if step["status"] == "completed":
        body = {"data": step["data"], "validation_errors": step["validation_errors"]}
        response = http.post(f"{path}/complete", user=user, json=body)
        assert response.status == 200, response.text
    elif step["status"] == "skipped":
        assert http.post(f"{path}/skip", user=user).status == 200


def _as_answered(number: int, data: dict[str, Any]) -> dict[str, Any]:
    if number != 1:
        return data
    return {**data, "api_keys": {provider: masked(key) for provider, key in data["api_keys"].items()}}


def _summary_shows(http: Client, user: str, data: dict[int, dict[str, Any]]) -> None:
    summary = http.get("/api/onboarding/summary", user=user).json()
    assert summary["api_keys"] == _as_answered(1, data[1])["api_keys"]
    assert summary["website_url"] == data[2].get("website")
    if data[2]:
        analysis = data[2]["analysis"]
        assert summary["style_analysis"] == {name: analysis.get(name) for name in summary["style_analysis"]}
    if data[3]:
        shown = summary["research_preferences"]
        expected = {name: shown.get(name) for name in data[3] if name != "research_depth"}
        assert expected == {name: value for name, value in data[3].items() if name != "research_depth"}
        assert shown["research_depth"] == data[3].get("research_depth", "Standard")
    if data[4]:
        assert summary["persona"] == {name: data[4].get(name) for name in summary["persona"]}
        assert summary["personalization_settings"]["brand_voice"] == "Patient expert"
    assert summary["integrations"] == data[5]
