"""The names of stored fields. Tables, statements, validation and answers take them from here.

No pydantic, so that a request that only reads does not load it.
"""

from typing import Any, TypedDict

type Json = Any
"""Any JSON value, as `json.loads` gives it."""


class StyleFields(TypedDict):
    """What a website analysis says about style; the summary shows these."""

    writing_style: Json
    content_characteristics: Json
    target_audience: Json
    content_type: Json
    recommended_settings: Json
    brand_analysis: Json
    content_strategy_insights: Json


class AnalysisFields(StyleFields):
    """What step 2 keeps of a website analysis."""

    crawl_result: Json
    style_patterns: Json
    style_guidelines: Json


class SavedAnalysis(AnalysisFields):
    """An analysis as step 2 stores it, null where the payload has nothing."""

    business_data: Json
    additional_fields: Json


class ResearchStyleFields(TypedDict):
    """The parts of a style that research preferences keep too."""

    writing_style: Json
    content_characteristics: Json
    target_audience: Json
    recommended_settings: Json


class PreferenceFields(ResearchStyleFields):
    """What step 3 keeps, defaults filled in."""

    research_depth: str
    content_types: list[Json]
    auto_research: bool
    factual_content: bool


class PersonaFields(TypedDict):
    """What step 4 keeps of a persona. Step 4's payload has the same names in camel case."""

    core_persona: Json
    platform_personas: Json
    quality_metrics: Json
    selected_platforms: Json


class SavedPersona(PersonaFields):
    """A persona as it is stored, with what else was sent."""

    additional_fields: Json


class BusinessFields(TypedDict):
    """What a person without a website tells of the business."""

    business_description: str | None
    industry: str | None
    target_audience: str | None
    business_goals: str | None


class IntegrationFields(TypedDict):
    """What step 5 keeps apart from its payload. The payload has the same names in camel case."""

    connected_platforms: list[Json] | None
    primary_website: str | None
    email: str | None


def names_of(fields: type) -> tuple[str, ...]:
    """The names that a `TypedDict` declares, inherited ones first."""
    return tuple(fields.__annotations__)


def camel_case(name: str) -> str:
    """`core_persona` as the wizard spells it: `corePersona`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


STYLE_FIELDS = names_of(StyleFields)
ANALYSIS_FIELDS = names_of(AnalysisFields)
SAVED_ANALYSIS_FIELDS = names_of(SavedAnalysis)
RESEARCH_STYLE_FIELDS = names_of(ResearchStyleFields)
PREFERENCE_FIELDS = names_of(PreferenceFields)
PERSONA_FIELDS = names_of(PersonaFields)
SAVED_PERSONA_FIELDS = names_of(SavedPersona)
INTEGRATION_FIELDS = names_of(IntegrationFields)
BUSINESS_FIELDS = names_of(BusinessFields)

BELONGS_TO = {
    "guidelines": "style_guidelines",
    "best_practices": "style_guidelines",
    "avoid_elements": "style_guidelines",
    "content_strategy": "style_guidelines",
    "ai_generation_tips": "style_guidelines",
    "competitive_advantages": "style_guidelines",
    "content_calendar_suggestions": "style_guidelines",
    "style_consistency": "style_patterns",
    "unique_elements": "style_patterns",
}
"""Names that may be sent directly in `analysis`, and in which of its objects they belong."""

LATER_ANALYSIS_FIELDS = ("social_media_presence", "seo_audit", "sitemap_analysis", "meta_info")
"""What later releases of the page add to an analysis. Kept among its additional fields."""

RESEARCH_ALTERNATIVES = ("research_depth", "competitors", "researchSummary", "sitemapAnalysis")
"""Step 3 needs one of these."""

DEPTHS = ("Basic", "Standard", "Comprehensive", "Expert")
"""How deep to research; the second is the default."""
DEFAULT_DEPTH = "Standard"
