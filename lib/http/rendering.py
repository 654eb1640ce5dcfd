"""How stored values look in an answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast, overload

from lib.steps.definitions import StepDefinition
from lib.steps.progress import Progress, StepState

if TYPE_CHECKING:
    from lib.http.answers import ResearchPreferences, StepInList


@overload
def time_text(moment: datetime) -> str: ...


@overload
def time_text(moment: datetime | None) -> str | None: ...


def time_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with an offset, microseconds included."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def with_time_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with every time in it as text."""
    return {name: time_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def preferences_document(preferences: Mapping[str, Any]) -> "ResearchPreferences":
    """The stored research preferences with every field of step 3's payload, which `data` holds.

    The typed columns win where both have a value: they hold the defaults, and a depth in its canonical spelling.
    """
    typed = {name: value for name, value in preferences.items() if name != "data" and value is not None}
    times = {name: time_text(preferences[name]) for name in ("created_at", "updated_at")}
    missing = {name: None for name in preferences if name != "data"}
    return cast("ResearchPreferences", {**missing, **(preferences["data"] or {}), **typed, **times})


def step_document(number: int, step: StepDefinition, state: StepState) -> "StepInList":
    """A step as every list of steps shows it."""
    document: StepInList = {
        "step_number": number,
        "title": step.title,
        "description": step.description,
        "status": state.status,
        "completed_at": time_text(state.completed_at),
        "has_data": state.has_data,
        "data": state.data,
    }
    return {**document, "data_too_large": True} if state.data_too_large else document


def step_documents(progress: Progress) -> "list[StepInList]":
    """Every step of the page's flow."""
    return [step_document(number, step, progress.state(step)) for number, step in progress.flow.numbered()]
