"""The shape of every answer. mypy holds the handlers to it, and the reference and the clients' types are made of it.

Handlers name these types in annotations alone, so nothing of this module is loaded when a function serves. The text
behind a field is its description in the reference. Times are ISO 8601 in UTC with an offset.
"""

from typing import Any, Literal, NotRequired, TypedDict

from lib.configuration import State
from lib.errors import FieldCode, ProblemCode
from lib.steps.definitions import Status
from lib.steps.events import EventKind
from lib.steps.fields import (
    BusinessFields,
    FoundFields,
    Json,
    PersonaFields,
    PreferenceFields,
    SavedAnalysis,
    StyleFields,
)
from lib.steps.requirements import Requirements
from lib.steps.summary import Capabilities, PersonalizationSettings, PersonaReadiness

type Object = dict[str, Any]
"""Any JSON object."""

type Time = str
"""ISO 8601 in UTC with an offset."""


class Open(TypedDict):
    """Base of those answers that hold other fields besides: what a caller sent and what a later release adds."""


class FieldProblem(TypedDict):
    """One thing that is wrong with a body, or that is still missing."""

    field: str
    """The field's path in the body, cut at 200 characters."""
    code: FieldCode
    """What is wrong, for programs and translations."""
    message: str
    """What is wrong and what would be right, for a person."""
    step_number: NotRequired[int]
    """The step that is missing, where finishing is refused."""
    title: NotRequired[str]
    """The title of that step."""
    alternatives: NotRequired[list[str]]
    """What would do as well."""


class Problem(TypedDict):
    """An error (RFC 9457)."""

    type: str
    """Where the error is explained: `/problems#` and the code."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """One sentence that may be shown to a person."""
    code: ProblemCode
    """What a program tells errors apart by. It never changes."""
    request_id: str
    """What to name when asking for help: it stands in the logs, too."""
    errors: NotRequired[list[FieldProblem]]
    """Each refused field, 20 at most and then one that says how many more; or what finishing still needs."""
    current_version: NotRequired[int]
    """The stored version, where `If-Match` named another one."""
    current: NotRequired["Step"]
    """The step as it is stored, where `If-Match` named another version."""


class User(TypedDict):
    """Whom the token speaks for. What Clerk's token does not say is null."""

    id: str
    """Clerk's id of the user."""
    email: str | None
    """The primary email address."""
    first_name: str | None
    """The first name."""
    last_name: str | None
    """The last name."""
    clerk_user_id: str
    """The same as `id`."""


class StepInList(TypedDict):
    """A step in a list of all steps."""

    step_number: int
    """The step's number in the page's flow, from 1 on."""
    title: str
    """The step's title."""
    description: str
    """What the step is for."""
    status: Status
    """How far the user got with it."""
    completed_at: Time | None
    """When it was completed or skipped."""
    has_data: bool
    """Whether it holds data."""
    data: Json
    """What it holds: null in lists that do not show this step's data, and where it is too large for one."""
    data_too_large: NotRequired[bool]
    """True where the data is too large for a list: `GET …/step/{n}` shows it."""


class StepWithErrors(StepInList):
    """A step in the list of the progress."""

    validation_errors: Json
    """What the page sent as `validation_errors` with the data."""


class OnboardingStatus(TypedDict):
    """Where the user stands, in short."""

    is_completed: bool
    """Whether onboarding was finished."""
    current_step: int
    """The number after the furthest step finished so far; it never moves back but by a reset."""
    completion_percentage: float
    """The share of finished steps, 0.0 to 100.0."""
    next_step: int | None
    """The lowest step neither completed nor skipped; null when there is none."""
    started_at: Time | None
    """When the user began; null for one never seen before."""
    completed_at: Time | None
    """When onboarding was finished."""
    can_proceed_to_final: bool
    """Whether every required step before the last one is finished."""


class Onboarding(OnboardingStatus):
    """Where the user stands, step by step."""

    last_updated: Time | None
    """When anything was last stored."""
    steps: list[StepInList]
    """Every step, with the data of steps 3, 4 and 5."""
    requirements: Requirements
    """What finishing needs."""
    version: int
    """Counts every change of this user's onboarding."""


class Session(TypedDict):
    """The wizard's session."""

    session_id: str
    """The user's id."""
    initialized_at: Time
    """Now."""


class Init(TypedDict):
    """Everything that a wizard needs to open."""

    user: User
    """Whom the token speaks for."""
    onboarding: Onboarding
    """Where the user stands."""
    session: Session
    """The wizard's session."""


class ProgressOfSteps(TypedDict):
    """Where the user stands, with the data of steps 2 to 5."""

    steps: list[StepWithErrors]
    """Every step."""
    current_step: int
    """The number after the furthest step finished so far."""
    total_steps: int
    """How many steps there are."""
    progress: float
    """The same as `completion_percentage`."""
    completion_percentage: float
    """The share of finished steps, 0.0 to 100.0."""
    started_at: Time | None
    """When the user began."""
    last_updated: Time | None
    """When anything was last stored."""
    is_completed: bool
    """Whether onboarding was finished."""
    completed_at: Time | None
    """When onboarding was finished."""


class Started(TypedDict):
    """The session, new or as it was."""

    id: int | None
    """The session's number."""
    user_id: str
    """Whose session it is."""
    current_step: int
    """The number after the furthest step finished so far."""
    progress: float
    """The share of finished steps, 0.0 to 100.0."""
    started_at: Time | None
    """When the user began."""
    message: str
    """What happened, for a person."""


class Resume(TypedDict):
    """Where to go on."""

    can_resume: bool
    """False once onboarding is finished."""
    resume_step: int
    """The step to open."""
    current_step: int
    """The number after the furthest step finished so far."""
    completion_percentage: float
    """The share of finished steps, 0.0 to 100.0."""
    started_at: Time | None
    """When the user began."""
    last_updated: Time | None
    """When anything was last stored."""
    message: NotRequired[str]
    """Why there is nothing to resume."""


class Completed(TypedDict):
    """Onboarding is finished."""

    message: str
    """What happened, for a person."""
    completed_at: Time | None
    """When onboarding was finished; a second request answers the same."""
    completion_percentage: float
    """100.0"""
    persona_generated: bool
    """Whether a persona is stored."""


class Reset(TypedDict):
    """Onboarding starts over."""

    message: str
    """What happened, for a person."""
    current_step: int
    """Where the user stands now."""
    progress: float
    """0.0"""
    completion_percentage: float
    """0.0"""


class Draft(TypedDict):
    """What was being typed into a step."""

    data: Object
    """Any object; step rules do not hold for it."""
    saved_at: Time | None
    """When it was saved."""


class Step(TypedDict):
    """One step with all that it holds."""

    step_number: int
    """The step's number in the page's flow, from 1 on."""
    title: str
    """The step's title."""
    description: str
    """What the step is for."""
    status: Status
    """How far the user got with it."""
    completed_at: Time | None
    """When it was completed or skipped."""
    data: Json
    """What it holds: an object, or null. API keys are masked."""
    draft: Draft | None
    """What was typed and not submitted yet."""
    validation_errors: Json
    """What the page sent as `validation_errors` with the data."""
    version: int
    """Counts every change of this step; 0 for one that was never touched. The `ETag` says the same."""


class Warned(TypedDict):
    """A name that the step does not read, and that is close to one that it does."""

    field: str
    """The field's path in the body."""
    code: FieldCode
    """`unread_field`"""
    message: str
    """Which name was probably meant."""


class StepSkipped(TypedDict):
    """A step was skipped."""

    message: str
    """What happened, for a person."""
    step_number: int
    """Which step it was."""
    current_step: int
    """The number after the furthest step finished so far."""
    completion_percentage: float
    """The share of finished steps, 0.0 to 100.0."""
    version: int
    """The step's new version, as in the `ETag`."""


class StepCompleted(StepSkipped):
    """A step was stored and is completed."""

    data: Json
    """What was sent; API keys are masked."""
    warnings: list[Warned]
    """Names that were probably misspelt. The data is stored all the same."""


class StepOpen(TypedDict):
    """Whether the user may open a step."""

    can_proceed: bool
    """Whether every required step before it is finished."""
    validation_errors: list[str]
    """What has to be done first, for a person."""
    step_status: Literal["available", "locked"]
    """The same in a word."""


class DraftSaved(TypedDict):
    """A draft was saved."""

    step_number: int
    """Which step it belongs to."""
    version: int
    """The step's new version, as in the `ETag`."""
    saved_at: Time
    """When it was saved."""


class KeyList(TypedDict):
    """The configured API keys."""

    api_keys: dict[str, str]
    """By provider: the mask, or the whole key from `GET …/api-keys/onboarding`."""
    total_providers: int
    """How many keys there are."""
    configured_providers: list[str]
    """The providers that have a key."""


class KeySaved(TypedDict):
    """A key was stored."""

    message: str
    """What happened, for a person."""
    provider: str
    """The provider's own name."""
    status: Literal["saved"]
    """`saved`"""


class KeyValidation(TypedDict):
    """Whether a stored key has its provider's format."""

    valid: bool
    """Whether it has."""
    error: str | None
    """What is wrong with it."""


class KeysValidated(TypedDict):
    """The stored keys by the format rules."""

    validation_results: dict[str, KeyValidation]
    """By provider."""
    all_valid: bool
    """Whether every key has its provider's format."""
    total_providers: int
    """How many keys there are."""


class SummaryPersona(TypedDict):
    """The persona in step 4's own names."""

    corePersona: Json
    """The persona itself."""
    platformPersonas: Json
    """How it writes on each platform."""
    qualityMetrics: Json
    """How good it is."""
    selectedPlatforms: Json
    """The platforms that the user chose."""


class ResearchPreferences(PreferenceFields, Open):
    """The stored research preferences, with every other field of step 3's data beside these."""

    id: int
    """The preferences' number."""
    session_id: int
    """The session's number."""
    created_at: Time
    """When they were first stored."""
    updated_at: Time
    """When they were last stored."""


class Summary(TypedDict):
    """What the last page shows. What is missing is null or an empty object."""

    api_keys: dict[str, str]
    """By provider, masked."""
    website_url: str | None
    """The website that was analysed last."""
    style_analysis: StyleFields | None
    """What the analysis says about style."""
    research_preferences: ResearchPreferences | None
    """Step 3."""
    personalization_settings: PersonalizationSettings | None
    """From the persona, else the preferences, else the analysis."""
    persona: SummaryPersona | None
    """Step 4."""
    persona_readiness: PersonaReadiness
    """Whether a persona can be generated."""
    business_info: BusinessFields | None
    """What a user without a website told."""
    integrations: Object
    """Step 5's data."""
    capabilities: Capabilities
    """What is possible now."""
    data_too_large: NotRequired[list[str]]
    """The fields that are null because there was no room for them in one answer. Their own URLs show them."""


class LaterFields(TypedDict):
    """What later releases of the page find out about a website. A field is there where it was sent."""

    social_media_presence: NotRequired[Json]
    """Where the business is found on social media."""
    seo_audit: NotRequired[Json]
    """How well search engines can read the website."""
    sitemap_analysis: NotRequired[Json]
    """What the website's sitemap shows."""
    meta_info: NotRequired[Json]
    """What the website says of itself in its metadata."""


class AnalysisInShort(LaterFields):
    """A website analysis as every answer shows it."""

    website_url: str
    """The website; empty for a business without one."""
    style_analysis: StyleFields | None
    """What it says about style."""
    style_patterns: Json
    """Patterns of the style."""
    style_guidelines: Json
    """How to write like this."""
    status: str
    """`completed`, or what an import from the old system brought."""
    completed_at: Time
    """When the website was analysed."""
    analysis_id: int
    """The analysis' number."""


class Analysis(AnalysisInShort):
    """A website analysis in a list."""

    data_too_large: NotRequired[Literal[True]]
    """True where its fields are null because the list has no room for them: `GET …/style-detection/analysis/{id}`
    shows them."""


class CurrentAnalysis(AnalysisInShort, FoundFields, Open):
    """The newest analysis, with what was read from the website."""


class AnalysisSummary(TypedDict):
    """What is told of an analysis that exists already."""

    writing_style: Json
    """The writing style."""
    target_audience: Json
    """The audience."""
    content_type: Json
    """The type of content."""


class ExistingAnalysis(TypedDict):
    """Whether exactly this website was analysed before."""

    exists: bool
    """Whether it was."""
    analysis_date: NotRequired[Time]
    """When it was."""
    analysis_id: NotRequired[int]
    """The analysis' number."""
    summary: NotRequired[AnalysisSummary]
    """What it says, in short."""


class StoredColumns(SavedAnalysis, LaterFields, Open):
    """All that is stored of an analysis, flat."""

    id: int
    """The analysis' number."""
    website_url: str
    """The website; empty for a business without one."""
    analysis_date: Time
    """When the website was analysed."""
    status: str
    """`completed`, or what an import from the old system brought."""
    error_message: str | None
    """Why an import from the old system could not be completed."""
    warning_message: str | None
    """What the AI backend warned of."""
    created_at: Time
    """When it was first stored."""
    updated_at: Time
    """When it was last stored."""


class AnalysisColumns(TypedDict):
    """One analysis with all that is stored of it."""

    success: Literal[True]
    """True"""
    analysis: StoredColumns
    """The analysis."""


class AnalysisList(TypedDict):
    """Analyses, newest first, without what was read from the websites."""

    success: Literal[True]
    """True"""
    analyses: list[Analysis]
    """The analyses."""
    next: int | None
    """What `before` has to be for the next page; null on the last one."""


class Success(TypedDict):
    """It was done."""

    success: Literal[True]
    """True"""


class Persona(PersonaFields, Open):
    """The persona saved last, by the step or as a draft, with whatever else was saved with it."""

    timestamp: Time
    """When it was last saved."""


class LatestPersona(TypedDict):
    """The persona saved last."""

    success: Literal[True]
    """True"""
    persona: Persona
    """The persona."""


class BusinessInfo(BusinessFields, Open):
    """Business information of a user without a website, with whatever else was sent with it."""

    id: int
    """The number under which its owner finds it."""
    user_id: str
    """Whose it is."""
    created_at: Time
    """When it was first stored."""
    updated_at: Time
    """When it was last stored."""


class StepInConfig(TypedDict):
    """A step of the wizard."""

    step_number: int
    """Its number, from 1 on."""
    number: int
    """The same."""
    title: str
    """Its title."""
    description: str
    """What it is for."""
    required: bool
    """Whether finishing needs it."""


class Config(TypedDict):
    """The steps that there are."""

    total_steps: int
    """How many."""
    steps: list[StepInConfig]
    """Each of them."""


class ProviderInfo(TypedDict):
    """A provider whose key the wizard collects."""

    name: str
    """Its name for a person."""
    description: str
    """What it is good for."""
    setup_url: str
    """Where to get a key."""
    required_fields: list[str]
    """What to ask for."""


class ProviderSetup(ProviderInfo):
    """How to get one provider's key."""

    provider: str
    """Its name in URLs and bodies."""


class Health(TypedDict):
    """Whether requests can be served."""

    status: Literal["ok", "unavailable"]
    """Whether they can."""
    database: str
    """`ok`, or what is wrong with the database."""
    schema_revision: str | None
    """The database's revision."""
    expected_revision: str
    """The revision that this code was written for, at least."""
    config: dict[str, State]
    """Each setting by its name, without its value."""


class WebhookReceived(TypedDict):
    """The event was taken."""

    received: Literal[True]
    """True"""


class Export(Open):
    """One page of everything that is stored of the user. Another kind of data stands under a name of its own.

    Columns of the tables are shown under their own names, and may become more.
    """

    user_id: str
    """Whose data it is."""
    exported_at: Time
    """Now."""
    session: Object | None
    """Where the user stands. Null where it is on another page, or nothing is stored."""
    steps: list[Object]
    """The steps of this page, each with its data."""
    api_keys: list[Object]
    """The API keys of this page, masked; `api_key` is null where a key cannot be decrypted."""
    website_analyses: list[Object]
    """The website analyses of this page. A row that is too large for a page has `data_too_large` and `whole_at`."""
    research_preferences: Object | None
    """Step 3."""
    persona: Object | None
    """Step 4."""
    integrations: Object | None
    """Step 5."""
    business_info: Object | None
    """What a user without a website told."""
    history: list[Object]
    """What happened, as far as this page has it, with the step's key in place of its number."""
    next: str | None
    """What `after` has to be for the next page; null on the last one."""


class Event(TypedDict):
    """Something that happened to the user's onboarding."""

    id: int
    """The number under which the next page is asked for; not in the order of time."""
    at: Time
    """When it happened."""
    kind: EventKind
    """What happened."""
    step_number: int | None
    """In which step; null where it was in none of the page's steps."""
    request_id: str | None
    """The `X-Request-Id` of the request that did it."""
    detail: Object
    """Names and counts, never values."""


class History(TypedDict):
    """Events, newest first."""

    events: list[Event]
    """The events of this page."""
    next: int | None
    """What `before` has to be for the next page; null on the last one."""
