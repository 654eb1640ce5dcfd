"""Step 3: how deep to research, or the research that the wizard already did."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import field_validator

from lib.errors import FieldError, InvalidData
from lib.steps.fields import (
    DEFAULT_DEPTH,
    DEPTHS,
    RESEARCH_ALTERNATIVES,
    RESEARCH_STYLE_FIELDS,
    PreferenceFields,
    ResearchStyleFields,
)
from lib.steps.validation import Payload, refusal, validated


class ResearchPayload(Payload):
    """Step 3's `data`. The wizard merges it over step 2's."""

    research_depth: str | None = None
    """`Basic`, `Standard` (the default), `Comprehensive` or `Expert`, in any letter case."""
    content_types: list[Any] | None = None
    """What the user publishes."""
    auto_research: bool | None = None
    """Whether to research without being asked; true by default."""
    factual_content: bool | None = None
    """Whether to check facts; true by default."""
    competitors: list[Any] | None = None
    """The competitors that were found; the list may be empty."""
    researchSummary: dict[str, Any] | None = None
    """What the search for competitors found out."""
    sitemapAnalysis: dict[str, Any] | None = None
    """What the website's sitemap shows."""

    @field_validator("research_depth")
    @classmethod
    def _known_depth(cls, value: str | None) -> str | None:
        depth = (value or "").strip().capitalize()
        if depth and depth not in DEPTHS:
            raise refusal("invalid_choice", f"must be one of {', '.join(DEPTHS)}")
        return depth or None


def preference_fields(data: Mapping[str, Any]) -> PreferenceFields:
    """Validate step 3's payload; give the typed fields, defaults filled in. Raises `InvalidData`."""
    payload = validated(ResearchPayload, data, "data")
    # An empty list counts: a search may find no competitor.
    if all(getattr(payload, name) is None for name in RESEARCH_ALTERNATIVES):
        message = f"is missing: provide at least one of {', '.join(RESEARCH_ALTERNATIVES)}"
        raise InvalidData([FieldError("data.research_depth", "required", message)])
    return {
        "research_depth": payload.research_depth or DEFAULT_DEPTH,
        "content_types": payload.content_types or [],
        "auto_research": payload.auto_research is not False,
        "factual_content": payload.factual_content is not False,
        **_style(data),
    }


def _style(data: Mapping[str, Any]) -> ResearchStyleFields:
    analysis = data.get("analysis")
    nested: Mapping[str, Any] = analysis if isinstance(analysis, Mapping) else {}
    style = {name: nested.get(name) if data.get(name) is None else data[name] for name in RESEARCH_STYLE_FIELDS}
    return cast(ResearchStyleFields, style)
