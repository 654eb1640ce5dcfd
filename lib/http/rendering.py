"""How stored values look in an answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lib.steps.definitions import StepDefinition
from lib.steps.progress import Progress, StepState


def time_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with an offset, microseconds included."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def with_time_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with every time in it as text."""
    return {name: time_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def preferences_document(preferences: Mapping[str, Any]) -> dict[str, Any]:
    """The stored research preferences with every field of step 3's payload, which `data` holds.

    The typed columns win where both have a value: they hold the defaults, and a depth in its canonical spelling.
    """
    typed = {name: value for name, value in preferences.items() if name != "data" and value is not None}
    times = {name: time_text(preferences[name]) for name in ("created_at", "updated_at")}
    missing = {name: None for name in preferences if name != "data"}
    return {**missing, **(preferences["data"] or {}), **typed, **times}


def step_document(number: int, step: StepDefinition, state: StepState) -> dict[str, Any]:
    """A step as every list of steps shows it."""
    too_large = {"data_too_large": True} if state.data_too_large else {}
    return {
        "step_number": number,
        "title": step.title,
        "description": step.description,
        "status": state.status,
        "completed_at": time_text(state.completed_at),
        "has_data": state.has_data,
        "data": state.data,
        **too_large,
    }


def step_documents(progress: Progress) -> list[dict[str, Any]]:
    """Every step of the page's flow."""
    return [step_document(number, step, progress.state(step)) for number, step in progress.flow.numbered()]
