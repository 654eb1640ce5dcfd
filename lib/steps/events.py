"""What can happen to a user's onboarding, as history tells it."""

from typing import Literal

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
"""What happened."""


MAX_EVENTS = 500
"""How many a user keeps; the oldest go first."""
