"""What can happen to a user's onboarding."""

from typing import Any, Literal, TypedDict

type EventKind = Literal[
    "onboarding.started",
    "step.completed",
    "step.skipped",
    "step.draft_discarded",
    "key.saved",
    "key.deleted",
    "keys.revealed",
    "analysis.saved",
    "analysis.edited",
    "persona.saved",
    "business.saved",
    "onboarding.completed",
    "onboarding.reset",
]


class Event(TypedDict):
    """One thing that happened. `detail` holds names and counts, never values."""

    kind: EventKind
    detail: dict[str, Any] | None


MAX_EVENTS = 500
"""How many a user keeps; the oldest go first."""
