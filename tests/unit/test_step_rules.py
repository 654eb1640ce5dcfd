from typing import Any

import pytest

from lib.errors import InvalidData
from lib.steps.integrations import integration_fields
from lib.steps.persona import persona, persona_draft
from lib.steps.research_preferences import preference_fields
from lib.steps.website_analysis import website_analysis

PERSONA = {"corePersona": {"identity": {"voice": "x"}}, "platformPersonas": {"linkedin": {}}}


def _fields_refused(rule: Any, data: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidData) as refused:
        rule(data)
    return [error.field for error in refused.value.errors]


@pytest.mark.parametrize(
    ("data", "url"),
    [
        ({"website": "https://example.com"}, "https://example.com"),
        ({"website_url": " http://example.com:8080/a?b=c "}, "http://example.com:8080/a?b=c"),
        ({"website": "", "website_url": "https://例え.jp/"}, "https://例え.jp/"),
        ({"analysis": {"website_url": "https://nested.example"}}, "https://nested.example"),
        ({"website": "https://first.example", "website_url": "https://second.example"}, "https://first.example"),
    ],
)
def test_a_website_is_an_http_url_with_a_host(data: dict[str, Any], url: str) -> None:
    """Under any of the names that the wizard uses, trimmed."""
    assert website_analysis(data).website_url == url


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "ftp://example.com",
        "https://",
        "https:///path",
        "javascript:alert(1)",
        "http://a b.com",
        "http://a:99999/",
        "http://[::1",
        "https://a\u0007.com",
        "https://" + "a" * 8192,
        5,
        ["https://example.com"],
    ],
)
def test_anything_else_is_refused_by_its_own_field(url: object) -> None:
    """Each name of the URL has its own path in the error."""
    assert _fields_refused(website_analysis, {"website": url}) == ["data.website"]
    assert _fields_refused(website_analysis, {"website_url": url}) == ["data.website_url"]
    assert _fields_refused(website_analysis, {"analysis": {"website_url": url}}) == ["data.analysis.website_url"]


def test_a_business_without_a_website_needs_no_url() -> None:
    """Its description is kept in place of an analysis; without either, the URL is what is missing."""
    business = {"business_description": "Bakery", "industry": "Food"}
    assert website_analysis({"website": "", "businessData": business}).fields["business_data"] == business
    assert website_analysis({"businessData": business}).website_url == ""
    assert website_analysis({"businessData": business, "analysis": None}).found is None
    assert website_analysis({"businessData": business, "analysis": {"writing_style": {"tone": "Warm"}}}).found
    assert _fields_refused(website_analysis, {}) == ["data.website"]
    assert _fields_refused(website_analysis, {"website_url": "", "businessData": {}}) == ["data.website_url"]


@pytest.mark.parametrize("value", ["text", 5, [], True])
def test_analysis_and_business_data_are_objects(value: object) -> None:
    """Another type is named."""
    for name in ("analysis", "businessData"):
        assert _fields_refused(website_analysis, {"website": "https://a.b", name: value}) == [f"data.{name}"]


def test_analysis_fields_are_taken_nested_or_from_the_top() -> None:
    """The nested one wins; neither is lost when the other is absent."""
    columns = website_analysis(
        {
            "website": "https://a.b",
            "writing_style": {"tone": "top"},
            "content_type": {"purpose": "top"},
            "analysis": {"writing_style": {"tone": "nested"}, "crawl_result": {"content": "x"}},
        }
    ).fields
    assert columns["writing_style"] == {"tone": "nested"}
    assert columns["content_type"] == {"purpose": "top"}
    assert columns["crawl_result"] == {"content": "x"}
    assert columns["target_audience"] is None


def test_guidelines_and_patterns_standing_directly_in_analysis_find_their_object() -> None:
    """What stands in the object already wins; fields that nobody knows are kept apart."""
    columns = website_analysis(
        {
            "website": "https://a.b",
            "analysis": {
                "best_practices": ["direct"],
                "guidelines": ["direct"],
                "style_guidelines": {"guidelines": ["in the object"]},
                "unique_elements": ["Own terms"],
                "seo_audit": {"score": 5},
            },
        }
    ).fields
    assert columns["style_guidelines"] == {"best_practices": ["direct"], "guidelines": ["in the object"]}
    assert columns["style_patterns"] == {"unique_elements": ["Own terms"]}
    assert columns["additional_fields"] == {"seo_audit": {"score": 5}}


@pytest.mark.parametrize("depth", ["Basic", "standard", "COMPREHENSIVE", " expert "])
def test_research_depth_is_taken_in_any_letter_case(depth: str) -> None:
    """It is stored in its canonical spelling."""
    assert preference_fields({"research_depth": depth})["research_depth"] == depth.strip().capitalize()


@pytest.mark.parametrize("name", ["competitors", "researchSummary", "sitemapAnalysis"])
def test_research_done_by_the_wizard_stands_in_for_a_depth(name: str) -> None:
    """Defaults fill the rest. An empty one counts, since a search may find nothing; null does not."""
    value: Any = [{"url": "https://rival"}] if name == "competitors" else {"total": 1}
    columns = preference_fields({name: value, "research_depth": ""})
    assert columns["research_depth"] == "Standard"
    assert (columns["content_types"], columns["auto_research"], columns["factual_content"]) == ([], True, True)
    assert preference_fields({name: type(value)()})["research_depth"] == "Standard"
    assert _fields_refused(preference_fields, {name: None}) == ["data.research_depth"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("research_depth", "Deep"),
        ("research_depth", 3),
        ("content_types", "blog"),
        ("auto_research", "yes"),
        ("factual_content", 1),
        ("competitors", {"a": 1}),
        ("researchSummary", []),
        ("sitemapAnalysis", "x"),
    ],
)
def test_research_fields_of_the_wrong_type_are_named(name: str, value: object) -> None:
    """Each by its own path."""
    assert _fields_refused(preference_fields, {"research_depth": "Basic", name: value}) == [f"data.{name}"]


def test_research_style_is_also_taken_from_a_nested_analysis() -> None:
    """The top-level one wins; an analysis that is no object is no reason to refuse the research."""
    data = {"research_depth": "Basic", "writing_style": {"tone": "top"}}
    nested = {"writing_style": {"tone": "nested"}, "target_audience": {"a": 1}}
    columns = preference_fields({**data, "analysis": nested})
    assert columns["writing_style"] == {"tone": "top"}
    assert columns["target_audience"] == {"a": 1}
    assert preference_fields({**data, "analysis": None})["target_audience"] is None


def test_a_persona_has_an_identity_and_a_platform() -> None:
    """Its four fields become columns; the two others may be missing."""
    assert persona({**PERSONA, "selectedPlatforms": ["linkedin"]}) == {
        "core_persona": {"identity": {"voice": "x"}},
        "platform_personas": {"linkedin": {}},
        "quality_metrics": None,
        "selected_platforms": ["linkedin"],
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"corePersona": {}}, "data.corePersona.identity"),
        ({"corePersona": {"identity": "me"}}, "data.corePersona.identity"),
        ({"corePersona": None}, "data.corePersona"),
        ({"corePersona": "x"}, "data.corePersona"),
        ({"platformPersonas": {}}, "data.platformPersonas"),
        ({"platformPersonas": []}, "data.platformPersonas"),
        ({"qualityMetrics": 5}, "data.qualityMetrics"),
        ({"selectedPlatforms": "linkedin"}, "data.selectedPlatforms"),
    ],
)
def test_a_persona_without_them_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    """Down to the member that is missing."""
    assert _fields_refused(persona, {**PERSONA, **change}) == [field]


def test_an_empty_persona_is_refused_with_everything_that_is_missing() -> None:
    """Nobody learns of `identity` only at the second try."""
    assert _fields_refused(persona, {}) == [
        "data.corePersona",
        "data.corePersona.identity",
        "data.platformPersonas",
    ]


def test_a_draft_may_be_unfinished_but_not_of_the_wrong_type() -> None:
    """Fields that nobody knows come along."""
    draft = persona_draft({"core_persona": {}, "mood": "good"})
    assert draft["core_persona"] == {}
    assert draft["additional_fields"] == {"mood": "good"}
    assert _fields_refused(persona_draft, {"core_persona": []}) == ["core_persona"]


def test_integrations_take_any_object() -> None:
    """What has the expected type is taken out, the rest is left in the payload."""
    fields = integration_fields({"connectedPlatforms": ["wix"], "primaryWebsite": 5, "email": "a@b"})
    assert fields == {"connected_platforms": ["wix"], "primary_website": None, "email": "a@b"}
