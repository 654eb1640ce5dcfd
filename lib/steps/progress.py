"""Where a user stands: pure rules over the statuses of the steps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lib.steps.definitions import FINAL_STEP, REQUIRED_BEFORE_FINAL, STEPS, definition

FINISHED_STATUSES = frozenset({"completed", "skipped"})


@dataclass(frozen=True)
class StepState:
    """What is stored of one step. `data` and `validation_errors` are whatever the caller loaded."""

    status: str = "pending"
    completed_at: datetime | None = None
    has_data: bool = False
    data: object = None
    validation_errors: object = field(default_factory=list)


UNTOUCHED = StepState()


@dataclass(frozen=True)
class Progress:
    """A user's session beside its steps. The defaults are those of a user never seen before."""

    current_step: int = 1
    progress: float = 0.0
    started_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    session_id: int | None = None
    steps: Mapping[int, StepState] = field(default_factory=dict)

    @property
    def is_completed(self) -> bool:
        """Whether onboarding was finished."""
        return self.completed_at is not None

    @property
    def next_step(self) -> int | None:
        """The lowest step neither completed nor skipped; None when there is none."""
        return next((step.number for step in STEPS if not self.is_finished(step.number)), None)

    @property
    def can_proceed_to_final(self) -> bool:
        """Whether every required step before the final one is finished."""
        return not self.missing_before(FINAL_STEP)

    def step(self, number: int) -> StepState:
        """What is stored of that step."""
        return self.steps.get(number, UNTOUCHED)

    def is_finished(self, number: int) -> bool:
        """Whether that step was completed or skipped."""
        return self.step(number).status in FINISHED_STATUSES

    def missing_before(self, number: int) -> list[int]:
        """The required steps before that one that are not finished. A step opens once this is empty."""
        return [required for required in REQUIRED_BEFORE_FINAL if required < number and not self.is_finished(required)]


def titles(numbers: Iterable[int]) -> str:
    """The steps' titles for a sentence: `Website Analysis, AI Research`."""
    return ", ".join(definition(number).title for number in numbers)
