"""What is missing for finishing onboarding, and what may still be done. Pure: progress in, entries out."""

from typing import NamedTuple, TypedDict

from lib.errors import FieldCode, Incomplete
from lib.steps.definitions import API_KEYS, RESEARCH, WEBSITE, StepDefinition
from lib.steps.fields import RESEARCH_ALTERNATIVES
from lib.steps.progress import Progress, titles
from lib.steps.providers import AI_PROVIDERS


class Requirement(TypedDict):
    """One thing to do: in which step, which field of its payload would do it, and which others would as well."""

    step_number: int
    """In which step."""
    title: str
    """The step's title."""
    field: str
    """Which field of its body would do it."""
    code: FieldCode
    """What is missing, for programs and translations."""
    message: str
    """What to do, for a person."""
    alternatives: list[str]
    """What would do as well: providers, or fields of the step's data."""


class Requirements(TypedDict):
    """What finishing onboarding needs."""

    currently_due: list[Requirement]
    """What blocks finishing."""
    eventually_due: list[Requirement]
    """The optional steps that are not done."""
    can_complete: bool
    """Whether `POST …/complete` would succeed now."""


class _Missing(NamedTuple):
    field: str
    code: FieldCode
    message: str
    alternatives: tuple[str, ...]


_MISSING = {
    API_KEYS: _Missing(
        "data.api_keys", "api_key_missing", "Add a key of OpenAI, Gemini, Anthropic or Mistral.", AI_PROVIDERS
    ),
    WEBSITE: _Missing(
        "data.website",
        "website_missing",
        "Analyse your website, or describe your business.",
        ("website", "businessData"),
    ),
    RESEARCH: _Missing(
        "data.research_depth",
        "research_missing",
        "Choose how deep to research, or look for competitors.",
        RESEARCH_ALTERNATIVES,
    ),
}


def requirements(progress: Progress) -> Requirements:
    """What finishing needs, by the rules of `POST …/complete`: `can_complete` says what that would answer."""
    due = (
        []
        if progress.is_completed
        else [step for step in progress.flow.required_before_last if _is_due(progress, step)]
    )
    optional = [step for step in progress.flow.steps if not step.required and not progress.is_finished(step)]
    return {
        "currently_due": [_entry(progress, step) for step in due],
        "eventually_due": [_entry(progress, step) for step in optional],
        "can_complete": not due,
    }


def incomplete(progress: Progress) -> Incomplete:
    """The error of finishing too early."""
    due = requirements(progress)["currently_due"]
    missing = [step for step in progress.flow.required_before_last if not progress.is_finished(step)]
    if missing:
        return Incomplete(f"Onboarding cannot be completed yet. Still missing: {titles(missing)}.", due)
    detail = f"Onboarding cannot be completed yet. Add at least one API key in {API_KEYS.title} first."
    return Incomplete(detail, due)


def _is_due(progress: Progress, step: StepDefinition) -> bool:
    lacks_key = step == API_KEYS and not progress.has_key
    return lacks_key or not progress.is_finished(step)


def _entry(progress: Progress, step: StepDefinition) -> Requirement:
    missing = _missing(progress, step)
    return {
        "step_number": progress.flow.number(step),
        "title": step.title,
        "field": missing.field,
        "code": missing.code,
        "message": missing.message,
        "alternatives": list(missing.alternatives),
    }


def _missing(progress: Progress, step: StepDefinition) -> _Missing:
    is_stored = progress.has_ai_key if step == API_KEYS else progress.state(step).has_data
    known = _MISSING.get(step)
    if known and not is_stored:
        return known
    # What is stored stays in a reset, and the step has to be gone through again.
    again = " again" if is_stored else ""
    message = f"Complete {step.title}{again}." if step.required else f"Complete {step.title}{again}, or skip it."
    return _Missing(
        known.field if known else "data", "step_not_completed", message, known.alternatives if known else ()
    )
