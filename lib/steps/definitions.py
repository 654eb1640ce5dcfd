"""The steps of the wizard, the statuses that a step can have, and the order in which a page numbers the steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lib.steps.fields import (
    ANALYSIS_FIELDS,
    BELONGS_TO,
    BUSINESS_FIELDS,
    INTEGRATION_FIELDS,
    LATER_ANALYSIS_FIELDS,
    PERSONA_FIELDS,
    PREFERENCE_FIELDS,
    RESEARCH_ALTERNATIVES,
    RESEARCH_NOTES,
    RESEARCH_STYLE_FIELDS,
    WEBSITE_NOTES,
    camel_case,
)

type Status = Literal["pending", "in_progress", "completed", "skipped"]
"""How far a user got with a step."""

STATUSES: tuple[Status, Status, Status, Status] = ("pending", "in_progress", "completed", "skipped")
PENDING, IN_PROGRESS, COMPLETED, SKIPPED = STATUSES
FINISHED_STATUSES = (COMPLETED, SKIPPED)


@dataclass(frozen=True)
class StepDefinition:
    """One step. It is stored under `key`.

    `fields` are the names that it knows in a payload's `data`, `nested` those that it knows in an object in there.
    """

    key: str
    title: str
    description: str
    required: bool
    fields: tuple[str, ...] = ()
    nested: tuple[tuple[str, tuple[str, ...]], ...] = ()


API_KEYS = StepDefinition(
    "api_keys", "AI LLM Providers", "Configure AI language model providers", required=True, fields=("api_keys",)
)
WEBSITE = StepDefinition(
    "website",
    "Website Analysis",
    "Set up website analysis and crawling",
    required=True,
    fields=("website", "website_url", "analysis", "businessData", "crawlResult", *WEBSITE_NOTES, *ANALYSIS_FIELDS),
    nested=(
        ("analysis", ("website_url", *ANALYSIS_FIELDS, *BELONGS_TO, *LATER_ANALYSIS_FIELDS)),
        ("businessData", BUSINESS_FIELDS),
    ),
)
RESEARCH = StepDefinition(
    "research",
    "AI Research",
    "Configure AI research capabilities",
    required=True,
    fields=tuple(dict.fromkeys((*PREFERENCE_FIELDS, "analysis", *RESEARCH_ALTERNATIVES, *RESEARCH_NOTES))),
    nested=(("analysis", RESEARCH_STYLE_FIELDS),),
)
PERSONA = StepDefinition(
    "persona",
    "Personalization",
    "Set up personalization features",
    required=False,
    fields=tuple(camel_case(name) for name in PERSONA_FIELDS),
)
INTEGRATIONS = StepDefinition(
    "integrations",
    "Integrations",
    "Configure ALwrity integrations",
    required=False,
    fields=tuple(camel_case(name) for name in INTEGRATION_FIELDS),
)
FINISH = StepDefinition("finish", "Complete Setup", "Finalize and complete onboarding", required=True)


@dataclass(frozen=True)
class Flow:
    """The steps in the order in which a page shows and numbers them, from 1 on. The last one is finishing itself."""

    steps: Sequence[StepDefinition]
    needs_ai_key: bool = True
    counts_finished_steps: bool = False
    """Whether the page uses `current_step` as the index of the next step: the number of the furthest finished one."""

    def __len__(self) -> int:
        return len(self.steps)

    def number(self, step: StepDefinition) -> int:
        """The step's number in this flow."""
        return self.steps.index(step) + 1

    def step(self, number: int) -> StepDefinition:
        """The step of that number. A number that another flow gives its last step means this one's last step."""
        return self.steps[min(number, len(self.steps)) - 1]

    def numbered(self) -> list[tuple[int, StepDefinition]]:
        """Every step with its number."""
        return list(enumerate(self.steps, start=1))

    @property
    def required_before_last(self) -> list[StepDefinition]:
        """What has to be finished before onboarding can be."""
        return [step for step in self.steps[:-1] if step.required]


STEPS = (API_KEYS, WEBSITE, RESEARCH, PERSONA, INTEGRATIONS, FINISH)
"""Every step, in the order in which progress is counted whatever page is used."""

SIX_STEPS = Flow(STEPS)
FIVE_STEPS = Flow(STEPS[1:], needs_ai_key=False, counts_finished_steps=True)
"""Later releases of the page have no step for API keys."""

FLOWS = {"six": SIX_STEPS, "five": FIVE_STEPS}
