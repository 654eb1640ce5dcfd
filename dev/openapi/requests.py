"""The bodies of requests, as pydantic models: those of the rules where they have one, else for the description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lib.steps.persona import PersonaPayload
from lib.steps.research_preferences import ResearchPayload
from lib.steps.validation import Payload
from lib.steps.website_analysis import WebsitePayload


class KeysPayload(Payload):
    """Step 1's `data`."""

    api_keys: dict[str, str | None]
    """The key of each provider. An empty one, null or the mask of the stored key leaves that provider as it is."""


class Submission(Payload):
    """What completing a step sends."""

    validation_errors: list[Any] | None = None
    """What the page found wrong with the data. It is kept and given back."""


class CompleteKeys(Submission):
    """What completing step 1 sends."""

    data: KeysPayload
    """The keys."""


class CompleteWebsite(Submission):
    """What completing step 2 sends."""

    data: WebsitePayload
    """The website with its analysis, or the business."""


class CompleteResearch(Submission):
    """What completing step 3 sends."""

    data: ResearchPayload
    """The preferences, or what was found."""


class CompletePersona(Submission):
    """What completing step 4 sends."""

    data: PersonaPayload
    """The persona."""


class CompleteIntegrations(Submission):
    """What completing step 5 sends."""

    data: dict[str, Any] | None = None
    """Any object, such as `connectedPlatforms`, `primaryWebsite` and `email`."""


class CompleteLast(Submission):
    """What completing the last step sends: it collects nothing."""

    data: dict[str, Any] | None = None
    """Any object."""


class CompleteStep(Submission):
    """What completing a step sends; each step's own path says what its `data` holds."""

    data: dict[str, Any] | None = None
    """What the step collects."""


class SaveDraft(Payload):
    """What saving a draft sends."""

    data: dict[str, Any]
    """Any object: no rule of the step holds for it. Step 1's drafts hold no `api_keys`."""


class SaveKey(Payload):
    """One API key."""

    provider: str
    """The provider's name, in any letter case."""
    api_key: str
    """The key: 1 to 4096 printable characters, or the mask of the stored key, which then stays."""
    description: Any = None
    """What the user notes beside it."""


class EditAnalysis(Payload):
    """The fields of an analysis that are to be replaced, such as `brand_analysis` or `seo_audit`; others stay."""


class WebhookEvent(BaseModel):
    """An event of Clerk's, as Svix delivers it."""

    model_config = ConfigDict(extra="allow")

    type: Any = None
    """`user.deleted` erases the user's data; any other event is taken note of."""
    data: Any = None
    """What the event is about: of `user.deleted` the user's `id` is read."""


class ErrorReport(BaseModel):
    """Whatever a page knows of an error that it caught. It becomes one line of the log, cut off at 2 KiB."""

    model_config = ConfigDict(extra="allow")


class DetectStyle(BaseModel):
    """The website to analyse."""

    model_config = ConfigDict(extra="allow")

    url: str
    """Its URL, which begins with `http://` or `https://` and has a host."""
    include_patterns: bool | None = None
    """Whether to look for patterns of the style."""
    include_guidelines: bool | None = None
    """Whether to write guidelines for this style."""


class DiscoverCompetitors(BaseModel):
    """Whose competitors to look for."""

    model_config = ConfigDict(extra="allow")

    user_url: str
    """The user's website."""
    industry_context: str | None = None
    """The industry."""
    num_results: int | None = None
    """How many to look for at most."""


class AnalyzeSitemap(BaseModel):
    """Whose sitemap to analyse."""

    model_config = ConfigDict(extra="allow")

    user_url: str
    """The user's website."""
    sitemap_url: str | None = None
    """Where its sitemap is, if it is not at `/sitemap.xml`."""


class GeneratePersonas(BaseModel):
    """What to make a persona of."""

    model_config = ConfigDict(extra="allow")

    onboarding_data: dict[str, Any]
    """What the earlier steps found out."""
    selected_platforms: list[str] = Field(default_factory=list)
    """For which platforms."""
