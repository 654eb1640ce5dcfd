"""The names of stored fields. Tables, statements, validation and answers take them from here.

No pydantic, so that a request that only reads does not load it.
"""

from typing import Any, TypedDict

type Json = Any
"""Any JSON value, as `json.loads` gives it."""


class StyleFields(TypedDict):
    """What a website analysis says about style; the summary shows these."""

    writing_style: Json
    """Tone, voice, complexity and the like."""
    content_characteristics: Json
    """Sentences, vocabulary, readability and the like."""
    target_audience: Json
    """For whom the website is written."""
    content_type: Json
    """What kind of texts the website has, and what for."""
    recommended_settings: Json
    """How to set the writer up for this website."""
    brand_analysis: Json
    """The brand's voice, values and positioning."""
    content_strategy_insights: Json
    """Strengths, weaknesses and opportunities of the content."""


class FoundFields(TypedDict):
    """What step 2 keeps of a website analysis besides the style. A new field of the analysis goes here."""

    crawl_result: Json
    """What was read from the website."""
    style_patterns: Json
    """Patterns of the style."""
    style_guidelines: Json
    """How to write in this style."""


class AnalysisFields(StyleFields, FoundFields):
    """What step 2 keeps of a website analysis."""


class SavedAnalysis(AnalysisFields):
    """An analysis as step 2 stores it, null where the payload has nothing."""

    business_data: Json
    """What a user without a website told of the business, as step 2 sent it."""
    additional_fields: Json
    """What else was sent in `analysis`."""


class ResearchStyleFields(TypedDict):
    """The parts of a style that research preferences keep too."""

    writing_style: Json
    """Tone, voice, complexity and the like."""
    content_characteristics: Json
    """Sentences, vocabulary, readability and the like."""
    target_audience: Json
    """For whom the user writes."""
    recommended_settings: Json
    """How to set the writer up for this user."""


class PreferenceFields(ResearchStyleFields):
    """What step 3 keeps, defaults filled in."""

    research_depth: str
    """`Basic`, `Standard`, `Comprehensive` or `Expert`."""
    content_types: list[Json]
    """What the user publishes."""
    auto_research: bool
    """Whether to research without being asked."""
    factual_content: bool
    """Whether to check facts."""


class PersonaFields(TypedDict):
    """What step 4 keeps of a persona. Step 4's payload has the same names in camel case."""

    core_persona: Json
    """The persona itself."""
    platform_personas: Json
    """How the persona writes on each platform."""
    quality_metrics: Json
    """How good the persona is."""
    selected_platforms: Json
    """The platforms that the user chose."""


class SavedPersona(PersonaFields):
    """A persona as it is stored, with what else was sent."""

    additional_fields: Json


class BusinessFields(TypedDict):
    """What a person without a website tells of the business."""

    business_description: str | None
    """What the business does."""
    industry: str | None
    """The industry."""
    target_audience: str | None
    """Who the customers are."""
    business_goals: str | None
    """What the business wants to achieve."""


class SavedBusiness(BusinessFields):
    """Business information as it is stored, with what else was sent."""

    additional_fields: Json


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
SAVED_BUSINESS_FIELDS = names_of(SavedBusiness)

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

WEBSITE_NOTES = ("domainName", "useAnalysisForGenAI")
"""What the page sends with step 2 besides, kept in its data."""
RESEARCH_NOTES = ("userUrl", "industryContext", "analysisTimestamp")
"""What the page sends with step 3 besides, kept in its data."""

DEPTHS = ("Basic", "Standard", "Comprehensive", "Expert")
"""How deep to research; the second is the default."""
DEFAULT_DEPTH = "Standard"
