"""The six-step and the five-step page on the same stored data."""

from __future__ import annotations

import pytest

from dev.harness.client import Client
from dev.harness.wizard import INTEGRATIONS, PERSONA, RESEARCH, walk
from tests.support.flows import use_flow
from tests.support.page import API, FIVE_STEP_WEBSITE, SITE, read

USER = "user_2flow"


@pytest.fixture
def five(monkeypatch: pytest.MonkeyPatch, http: Client) -> Client:
    """A client of a deployment that serves the five-step page."""
    use_flow(monkeypatch, "five")
    return http


def complete(http: Client, number: int, data: object) -> None:
    response = http.post(f"{API}/step/{number}/complete", user=USER, json={"data": data})
    assert response.status == 200, response.text


def test_the_five_steps_have_their_own_numbers(five: Client) -> None:
    """Website, research, persona, integrations, finish: in the configuration, in init and in each step."""
    titles = ["Website Analysis", "AI Research", "Personalization", "Integrations", "Complete Setup"]
    config = five.get(f"{API}/config").json()
    assert (config["total_steps"], [step["title"] for step in config["steps"]]) == (5, titles)
    assert [step["title"] for step in read(five, USER, "init")["onboarding"]["steps"]] == titles
    assert [read(five, USER, f"step/{number}")["title"] for number in range(1, 6)] == titles
    assert read(five, USER, "step/6")["step_number"] == 5
    assert five.get(f"{API}/step/7", user=USER).status == 404
    assert read(five, USER, "progress")["total_steps"] == 5


def test_the_current_step_is_the_number_of_the_furthest_one(five: Client) -> None:
    """The page uses it as an index: 0 for a new user, 5 at the end."""
    found = [read(five, USER, "status")["current_step"]]
    for number, data in enumerate((FIVE_STEP_WEBSITE, RESEARCH, PERSONA, INTEGRATIONS, {}), start=1):
        complete(five, number, data)
        found.append(read(five, USER, "status")["current_step"])
    assert found == [0, 1, 2, 3, 4, 5]
    assert read(five, USER, "status")["completion_percentage"] == 100.0


def test_no_key_is_required(five: Client) -> None:
    """Website and research are; the refusal names them, and no step for keys."""
    refused = five.post(f"{API}/complete", user=USER)
    assert (refused.status, "Website Analysis, AI Research" in refused.json()["detail"]) == (409, True)
    complete(five, 1, FIVE_STEP_WEBSITE)
    complete(five, 2, RESEARCH)
    assert read(five, USER, "status")["can_proceed_to_final"] is True
    assert five.post(f"{API}/complete", user=USER).status == 200


def test_the_optional_steps_are_3_and_4(five: Client) -> None:
    """In this page's numbers."""
    statuses = [five.post(f"{API}/step/{number}/skip", user=USER).status for number in range(1, 7)]
    assert statuses == [409, 409, 200, 200, 409, 409]


def test_the_crawl_result_has_another_name(five: Client) -> None:
    """What later releases add comes back with the analysis; integrations and email stay with the step."""
    complete(five, 1, FIVE_STEP_WEBSITE)
    analysis = read(five, USER, "website-analysis")
    assert analysis["crawl_result"] == FIVE_STEP_WEBSITE["crawlResult"]
    assert analysis["seo_audit"] == {"score": 71}
    assert read(five, USER, "step/1")["data"] == FIVE_STEP_WEBSITE


@pytest.mark.parametrize(("first", "then"), [("six", "five"), ("five", "six")])
def test_whoever_began_in_one_goes_on_in_the_other(
    http: Client, monkeypatch: pytest.MonkeyPatch, first: str, then: str
) -> None:
    """Three steps done, the next deployment serves the other page: what is stored stands under its new number."""
    use_flow(monkeypatch, first)
    if first == "six":
        walk(http, USER, 1, 2, 3)
    else:
        for number, data in enumerate((FIVE_STEP_WEBSITE, RESEARCH, PERSONA), start=1):
            complete(http, number, data)
    use_flow(monkeypatch, then)
    status, resume = read(http, USER, "status"), read(http, USER, "resume")
    if then == "five":
        assert (status["current_step"], status["next_step"], resume["resume_step"]) == (2, 3, 3)
        assert status["completion_percentage"] == 40.0
        assert read(http, USER, "step/2")["data"]["researchSummary"] == RESEARCH["researchSummary"]
    else:
        assert (status["current_step"], status["next_step"], resume["resume_step"]) == (5, 1, 1)
        assert status["completion_percentage"] == 50.0
        assert read(http, USER, "step/4")["data"]["corePersona"] == PERSONA["corePersona"]


def test_an_edited_analysis_keeps_what_was_not_sent(http: Client) -> None:
    """PUT replaces the fields that are there, null included; it is the owner's alone."""
    complete(http, 2, {"website": SITE, "analysis": {"writing_style": {"tone": "Warm"}, "brand_analysis": {"a": 1}}})
    found = read(http, USER, "website-analysis")
    path = f"{API}/style-detection/analysis/{found['analysis_id']}"
    edit = {
        "writing_style": {"tone": "Cool"},
        "style_patterns": None,
        "seo_audit": {"n": 1},
        "meta_info": {"lang": "de"},
    }
    assert http.request("PUT", path, user="user_2other", json=edit).status == 404
    answer = http.request("PUT", path, user=USER, json=edit)
    assert (answer.status, answer.json()) == (200, {"success": True})
    edited = read(http, USER, "website-analysis")
    assert edited["style_analysis"] == {**found["style_analysis"], "writing_style": {"tone": "Cool"}}
    assert (edited["seo_audit"], edited["meta_info"]) == ({"n": 1}, {"lang": "de"})
    assert http.request("PUT", path, user=USER, json={"seo_audit": {"n": 2}}).status == 200
    assert read(http, USER, "website-analysis")["meta_info"] == {"lang": "de"}


def test_a_deleted_analysis_is_gone(http: Client) -> None:
    """For its owner alone; what is no id is a 404 too."""
    complete(http, 2, {"website": SITE, "analysis": {}})
    path = f"{API}/style-detection/analysis/{read(http, USER, 'website-analysis')['analysis_id']}"
    assert http.delete(path, user="user_2other").status == 404
    assert [http.delete(path, user=USER).status for _ in range(2)] == [204, 404]
    assert read(http, USER, "website-analysis") is None
    assert http.delete(f"{API}/style-detection/analysis/x", user=USER).status == 404


@pytest.mark.parametrize("flow", ["seven", "Six", "5"])
def test_an_unknown_flow_is_a_503_that_the_log_names(
    http: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, flow: str
) -> None:
    """A typing error never serves the wrong page."""
    use_flow(monkeypatch, flow)
    assert http.get(f"{API}/init", user=USER).status == 503
    assert "ONBOARDING_FLOW" in caplog.text
