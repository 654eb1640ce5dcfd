"""Where a user stands: pure rules over the statuses of the steps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from lib.steps.definitions import FINISHED_STATUSES, IN_PROGRESS, PENDING, SIX_STEPS, Flow, Status, StepDefinition
from lib.steps.fields import Json


@dataclass(frozen=True)
class StepState:
    """What is stored of one step. `data` and `validation_errors` are whatever the caller loaded."""

    status: Status = PENDING
    completed_at: datetime | None = None
    has_data: bool = False
    data: object = None
    data_too_large: bool = False
    """Whether there is data that was not loaded because an answer of several steps has no room for it."""
    validation_errors: object = field(default_factory=list)
    draft: Json = None
    draft_saved_at: datetime | None = None
    version: int = 0


UNTOUCHED = StepState()


@dataclass(frozen=True)
class Progress:
    """A user's session and steps. The defaults are those of a user never seen before.

    `furthest_step` is the key of the furthest step finished since the beginning or the last reset. `steps` holds the
    steps that were ever touched, by key. `version` counts the changes of the session and of whatever belongs to it.
    """

    session_id: int | None = None
    version: int = 0
    furthest_step: str | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    has_key: bool = False
    has_ai_key: bool = False
    has_persona: bool = False
    steps: Mapping[str, StepState] = field(default_factory=dict)
    flow: Flow = SIX_STEPS

    def in_flow(self, flow: Flow) -> "Progress":
        """The same progress as a page with that flow numbers it."""
        return replace(self, flow=flow)

    @property
    def tag(self) -> str:
        """The session and its version: what is stored of a user is the same while this is.

        A user who erases everything and starts again gets another session, and so never a tag from before.
        """
        return f"{self.session_id or 0}.{self.version}"

    @property
    def is_completed(self) -> bool:
        """Whether onboarding was finished."""
        return self.completed_at is not None

    @property
    def current_step(self) -> int:
        """The number after the furthest step finished so far, at most the last step's.

        In a flow whose page counts from 0, the number of that step itself.
        """
        furthest = next((number for number, step in self.flow.numbered() if step.key == self.furthest_step), 0)
        return furthest if self.flow.counts_finished_steps else min(furthest + 1, len(self.flow))

    @property
    def completion_percentage(self) -> float:
        """The share of finished steps, 0.0 to 100.0; 100.0 once onboarding is completed."""
        finished = sum(1 for step in self.flow.steps if self.is_finished(step))
        return 100.0 if self.is_completed else finished / len(self.flow) * 100

    @property
    def next_step(self) -> int | None:
        """The lowest step neither completed nor skipped; None when there is none."""
        return next((number for number, step in self.flow.numbered() if not self.is_finished(step)), None)

    @property
    def resume_step(self) -> int:
        """Where to go on: the lowest open step that was begun, else the next one, else the last one."""
        begun = (
            number
            for number, step in self.flow.numbered()
            if self.state(step).status == IN_PROGRESS and not self.missing_before(step)
        )
        return next(begun, None) or self.next_step or len(self.flow)

    @property
    def can_proceed_to_final(self) -> bool:
        """Whether every required step before the last one is finished."""
        return not self.missing_before(self.flow.steps[-1])

    def state(self, step: StepDefinition) -> StepState:
        """What is stored of that step."""
        return self.steps.get(step.key, UNTOUCHED)

    def is_finished(self, step: StepDefinition) -> bool:
        """Whether that step was completed or skipped."""
        return self.state(step).status in FINISHED_STATUSES

    def missing_before(self, step: StepDefinition) -> list[StepDefinition]:
        """The required steps before that one that are not finished. A step opens once this is empty."""
        earlier = self.flow.steps[: self.flow.number(step) - 1]
        return [required for required in earlier if required.required and not self.is_finished(required)]


def titles(steps: Iterable[StepDefinition]) -> str:
    """The steps' titles for a sentence: `Website Analysis, AI Research`."""
    return ", ".join(step.title for step in steps)
