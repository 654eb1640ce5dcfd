from typing import Any

from dev.harness.client import Client
from dev.harness.wizard import EXA, GEMINI, INTEGRATIONS, PERSONA, RESEARCH, WEBSITE, complete_step, walk

USER = "user_2reads"


def _get(http: Client, path: str, status: int = 200) -> Any:
    response = http.get(f"/api/onboarding/{path}", user=USER)
    assert response.status == status, response.text
    return response.json()


def test_summary_of_nothing_is_empty_and_no_error(http: Client) -> None:
    """Null or {} for everything that is missing."""
    found = _get(http, "summary")
    assert found["api_keys"] == found["integrations"] == {}
    for name in ("website_url", "style_analysis", "research_preferences", "personalization_settings", "persona"):
        assert found[name] is None
    assert found["persona_readiness"] == {"ready": False, "data_sufficiency": 0.0, "can_generate": False}
    assert set(found["capabilities"].values()) == {False}


def test_summary_shows_everything_that_was_stored(http: Client) -> None:
    """Keys masked, the rest as it was sent."""
    walk(http, USER, 1, 2, 3, 4, 5)
    found = _get(http, "summary")
    assert found["api_keys"]["gemini"] == "AIza…kkkk"
    assert found["website_url"] == WEBSITE["website"]
    assert found["style_analysis"]["writing_style"] == WEBSITE["analysis"]["writing_style"]
    assert found["research_preferences"]["competitors"] == RESEARCH["competitors"]
    assert found["research_preferences"]["research_depth"] == "Standard"
    assert found["personalization_settings"] == {
        "writing_style": "Professional",
        "tone": "Warm",
        "brand_voice": "Patient expert",
    }
    assert found["persona"] == PERSONA
    assert found["integrations"] == INTEGRATIONS
    assert found["persona_readiness"]["data_sufficiency"] == 10 + 3 + 5 + 10 + 10
    assert set(found["capabilities"].values()) == {True}


def test_website_analysis_is_null_with_200_when_there_is_none(http: Client) -> None:
    """A 404 would blank the whole page."""
    assert _get(http, "website-analysis") is None


def test_the_newest_analysis_is_the_current_one(http: Client) -> None:
    """Saving an earlier website again makes it the newest."""
    walk(http, USER, 2)
    complete_step(http, USER, 2, {"website": "https://second.example.com"})
    assert _get(http, "website-analysis")["website_url"] == "https://second.example.com"
    walk(http, USER, 2)
    found = _get(http, "website-analysis")
    assert found["website_url"] == WEBSITE["website"]
    assert found["crawl_result"] == WEBSITE["analysis"]["crawl_result"]
    assert found["style_guidelines"] == {"best_practices": ["Lead with the benefit"]}
    assert (found["status"], set(found["style_analysis"])) == (
        "completed",
        set(_get(http, "summary")["style_analysis"]),
    )


def test_earlier_analyses_are_listed_newest_first(http: Client) -> None:
    """One for each website."""
    for url in ("https://a.example.com", "https://b.example.com", "https://a.example.com"):
        complete_step(http, USER, 2, {"website": url, "writing_style": {"tone": url}})
    found = _get(http, "style-detection/session-analyses")
    assert found["success"] is True
    assert [analysis["website_url"] for analysis in found["analyses"]] == [
        "https://a.example.com",
        "https://b.example.com",
    ]
    assert found["analyses"][1]["style_analysis"]["writing_style"] == {"tone": "https://b.example.com"}


def test_one_analysis_has_flat_columns(http: Client) -> None:
    """By its id; an unknown one and one that is no number are 404."""
    walk(http, USER, 2)
    wanted = _get(http, "website-analysis")["analysis_id"]
    found = _get(http, f"style-detection/analysis/{wanted}")
    assert found["success"] is True
    assert found["analysis"]["writing_style"] == WEBSITE["analysis"]["writing_style"]
    assert found["analysis"]["website_url"] == WEBSITE["website"]
    for unknown in ("0", "999999", "abc", "-1", "1e3", "9" * 40):
        _get(http, f"style-detection/analysis/{unknown}", status=404)


def test_check_existing_takes_the_whole_encoded_url(http: Client) -> None:
    """Slashes, a query and percent signs in it included."""
    walk(http, USER, 2)
    complete_step(http, USER, 2, {"website": "https://example.com/a%2Fb", "target_audience": {"x": 1}})
    found = _get(http, "style-detection/check-existing/https%3A%2F%2Fshop.example.com%2Fa%3Fb%3Dc")
    assert (found["exists"], found["summary"]["content_type"]) == (True, {"primary_type": "Guides"})
    assert found["analysis_id"]
    assert found["analysis_date"]
    found = _get(http, "style-detection/check-existing/https%3A%2F%2Fexample.com%2Fa%252Fb")
    assert found["summary"] == {"writing_style": None, "target_audience": {"x": 1}, "content_type": None}
    assert _get(http, "style-detection/check-existing/https%3A%2F%2Fshop.example.com") == {"exists": False}


def test_research_preferences_hold_every_field_of_the_payload(http: Client) -> None:
    """With id, session and times; null with 200 when there are none."""
    assert _get(http, "research-preferences") is None
    walk(http, USER, 3)
    found = _get(http, "research-preferences")
    assert {name: found[name] for name in RESEARCH} == RESEARCH
    assert (found["research_depth"], found["content_types"], found["auto_research"]) == ("Standard", [], True)
    assert found["writing_style"] == WEBSITE["analysis"]["writing_style"]
    assert found["id"]
    assert found["session_id"]
    assert found["created_at"].endswith("+00:00")
    complete_step(http, USER, 3, {"research_depth": "expert", "auto_research": False, "content_types": ["blog"]})
    again = _get(http, "research-preferences")
    assert (again["id"], again["created_at"]) == (found["id"], found["created_at"])
    assert (again["research_depth"], again["auto_research"], again["content_types"]) == ("Expert", False, ["blog"])
    assert "competitors" not in again


def test_persona_latest_is_404_until_one_is_saved(http: Client) -> None:
    """Then it has the four fields under their snake_case names."""
    _get(http, "step4/persona-latest", status=404)
    walk(http, USER, 4)
    found = _get(http, "step4/persona-latest")
    assert found["success"] is True
    assert found["persona"]["core_persona"] == PERSONA["corePersona"]
    assert found["persona"]["platform_personas"] == PERSONA["platformPersonas"]
    assert found["persona"]["quality_metrics"] == PERSONA["qualityMetrics"]
    assert found["persona"]["selected_platforms"] == PERSONA["selectedPlatforms"]
    assert found["persona"]["timestamp"]


def test_a_draft_is_kept_without_finishing_step_4(http: Client) -> None:
    """Fields that a later draft leaves out stay; the step is in progress, not finished."""
    save = "/api/onboarding/step4/persona-save"
    draft = {"core_persona": {"identity": {}}, "selected_platforms": ["blog"], "mood": "good"}
    assert http.post(save, user=USER, json=draft).json() == {"success": True}
    assert http.post(save, user=USER, json={"quality_metrics": {"score": 1}}).status == 200
    persona = _get(http, "step4/persona-latest")["persona"]
    assert {name: persona[name] for name in draft} == draft
    assert persona["quality_metrics"] == {"score": 1}
    assert _get(http, "step/4")["status"] == "in_progress"
    refused = http.post(save, user=USER, json={"core_persona": "x"})
    assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "core_persona")


def test_keys_are_listed_masked_and_whole_in_one_place_alone(http: Client) -> None:
    """GET api-keys/onboarding is the only answer with a whole key."""
    walk(http, USER, 1)
    listed, whole = _get(http, "api-keys"), _get(http, "api-keys/onboarding")
    assert listed["api_keys"]["exa"] == "6287…1047"
    assert whole["api_keys"]["exa"] == EXA
    assert listed["total_providers"] == whole["total_providers"] == 3
    assert sorted(listed["configured_providers"]) == ["copilotkit", "exa", "gemini"]


def test_a_single_key_is_saved_and_deleted(http: Client) -> None:
    """Saved under its provider's own name; deleting answers 204 also when there was none."""
    path = "/api/onboarding/api-keys"
    saved = http.post(path, user=USER, json={"provider": "metaphor", "api_key": EXA, "description": "mine"})
    assert (saved.json()["provider"], saved.json()["status"]) == ("exa", "saved")
    assert EXA not in saved.text
    unchanged = http.post(path, user=USER, json={"provider": "exa", "api_key": "6287…1047"})
    assert unchanged.status == 200
    assert _get(http, "api-keys/onboarding")["api_keys"] == {"exa": EXA}
    for _ in range(2):
        deleted = http.delete(f"{path}/exa", user=USER)
        assert (deleted.status, deleted.body) == (204, b"")
    assert _get(http, "api-keys")["api_keys"] == {}
    assert http.delete(f"{path}/nobody", user=USER).status == 404
    refused = http.post(path, user=USER, json={"provider": "gemini", "api_key": "wrong"})
    assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "api_key")


def test_stored_keys_are_validated_by_their_format(http: Client) -> None:
    """Each with its own verdict."""
    walk(http, USER, 1)
    found = http.post("/api/onboarding/api-keys/validate", user=USER).json()
    assert found["validation_results"]["gemini"] == {"valid": True, "error": None}
    assert (found["all_valid"], found["total_providers"]) == (True, 3)
    assert GEMINI not in str(found)


def test_the_catalogue_answers_without_a_token(http: Client) -> None:
    """Steps with `required`, providers with how to get their key."""
    steps = http.get("/api/onboarding/config").json()["steps"]
    assert [step["title"] for step in steps if step["required"]] == [
        "AI LLM Providers",
        "Website Analysis",
        "AI Research",
        "Complete Setup",
    ]
    providers = http.get("/api/onboarding/providers").json()
    assert len(providers) == 10
    for name in providers:
        setup = http.get(f"/api/onboarding/providers/{name}/setup").json()
        assert {key: setup[key] for key in ("name", "description", "setup_url", "required_fields")} == providers[name]
    assert http.get("/api/onboarding/providers/nobody/setup").status == 404


def test_health_compares_the_revisions(http: Client) -> None:
    """Without a token, never cached."""
    found = http.get("/api/health")
    assert found.status == 200
    assert (found.json()["status"], found.json()["database"]) == ("ok", "ok")
    assert found.json()["schema_revision"] == found.json()["expected_revision"]
