"""Step 6: what the stored pieces mean to a person. Pure: stored JSON in, plain values out."""

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from lib.steps.fields import STYLE_FIELDS, Json, StyleFields
from lib.steps.providers import AI_PROVIDERS

type Stored = Mapping[str, Any] | None


class PersonalizationSettings(TypedDict):
    """How the user's texts should sound."""

    writing_style: Json
    """The writing style: usually a text such as `Professional`."""
    tone: Json
    """The tone: usually a text such as `Formal`."""
    brand_voice: Json
    """The voice: usually a text such as `Trustworthy and Expert`."""


class PersonaReadiness(TypedDict):
    """Whether a persona can be generated from what is known."""

    ready: bool
    """Whether `data_sufficiency` is at least 50.0."""
    data_sufficiency: float
    """How much is known, 0.0 to 100.0."""
    can_generate: bool
    """The same as `ready`."""


class Capabilities(TypedDict):
    """What is possible with what is stored."""

    ai_content: bool
    """A key of an AI provider is stored."""
    style_analysis: bool
    """The website analysis says something about style."""
    research_tools: bool
    """Research preferences are stored."""
    personalization: bool
    """Something that is stored says a style, a tone or a voice."""
    persona_generation: bool
    """A persona is stored."""
    integrations: bool
    """Step 5 holds something."""


READY_FROM = 50.0

_PERSONALIZATION_DEFAULTS = {
    "writing_style": "Professional",
    "tone": "Formal",
    "brand_voice": "Trustworthy and Expert",
}

# Points for each field that is there, by the object it stands in; 100 in all.
_SUFFICIENCY: dict[str, tuple[int, tuple[str, ...]]] = {
    "writing_style": (5, ("tone", "voice", "brand_personality", "formality_level", "emotional_appeal")),
    "content_characteristics": (
        4,
        ("sentence_structure", "vocabulary_level", "readability_score", "content_flow", "visual_elements_usage"),
    ),
    "target_audience": (
        3,
        ("demographics", "expertise_level", "industry_focus", "psychographic_profile", "pain_points"),
    ),
    "content_type": (5, ("primary_type", "purpose", "call_to_action")),
}


def style_analysis(analysis: Stored) -> StyleFields | None:
    """The analysis's seven style fields; None without an analysis."""
    return None if analysis is None else cast(StyleFields, {name: analysis.get(name) for name in STYLE_FIELDS})


def data_sufficiency(analysis: Stored, preferences: Stored) -> float:
    """How much is known for generating a persona, 0.0 to 100.0."""
    website, research = analysis or {}, preferences or {}
    points = sum(
        weight * sum(1 for name in names if _member(website.get(column), name))
        for column, (weight, names) in _SUFFICIENCY.items()
    )
    points += 10 if website.get("style_patterns") or website.get("style_guidelines") else 0
    points += 5 if research.get("research_depth") else 0
    points += 5 if research.get("content_types") else 0
    points += 5 if _given(research, "auto_research") or _given(research, "factual_content") else 0
    return float(points)


def personalization_settings(persona: Stored, preferences: Stored, analysis: Stored) -> PersonalizationSettings | None:
    """Style, tone and voice from the first of the three that says anything of them; None when none is stored."""
    if persona is None and preferences is None and analysis is None:
        return None
    sources = (_from_persona(persona), _from_writing_style(preferences), _from_writing_style(analysis))
    chosen = next((source for source in sources if any(source.values())), {})
    settings = {name: chosen.get(name) or default for name, default in _PERSONALIZATION_DEFAULTS.items()}
    return cast(PersonalizationSettings, settings)


def says_personalization(persona: Stored, preferences: Stored, analysis: Stored) -> bool:
    """Whether something that is stored says a style, a tone or a voice: defaults are nobody's."""
    sources = (_from_persona(persona), _from_writing_style(preferences), _from_writing_style(analysis))
    return any(any(source.values()) for source in sources)


def readiness(sufficiency: float) -> PersonaReadiness:
    """Whether a persona can be generated from what is known."""
    ready = sufficiency >= READY_FROM
    return {"ready": ready, "data_sufficiency": sufficiency, "can_generate": ready}


def capabilities(
    providers: Mapping[str, str],
    analysis: Stored,
    preferences: Stored,
    persona: Stored,
    integrations: Stored,
) -> Capabilities:
    """What ALwrity can do for this user."""
    return {
        "ai_content": any(provider in providers for provider in AI_PROVIDERS),
        "style_analysis": bool(analysis and any(analysis.get(name) for name in STYLE_FIELDS)),
        "research_tools": preferences is not None,
        "personalization": says_personalization(persona, preferences, analysis),
        "persona_generation": bool(persona and persona.get("core_persona")),
        "integrations": bool(integrations),
    }


def _member(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _from_persona(persona: Stored) -> dict[str, Any]:
    core = (persona or {}).get("core_persona")
    tonal_range = _member(core, "tonal_range")
    return {
        "writing_style": _member(_member(core, "linguistic_fingerprint"), "tone"),
        "tone": _member(tonal_range, "primary_tone") or _member(tonal_range, "default_tone"),
        "brand_voice": _member(_member(core, "identity"), "voice"),
    }


def _from_writing_style(stored: Stored) -> dict[str, Any]:
    style = (stored or {}).get("writing_style")
    return {
        "writing_style": _member(style, "tone"),
        "tone": _member(style, "voice"),
        "brand_voice": _member(style, "complexity"),
    }


def _given(research: Mapping[str, Any], name: str) -> bool:
    return research.get(name) is not None
