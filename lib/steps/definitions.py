"""The six steps of the wizard."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepDefinition:
    """What a person sees of a step, and whether it may be skipped."""

    number: int
    title: str
    description: str
    required: bool


STEPS = (
    StepDefinition(1, "AI LLM Providers", "Configure AI language model providers", required=True),
    StepDefinition(2, "Website Analysis", "Set up website analysis and crawling", required=True),
    StepDefinition(3, "AI Research", "Configure AI research capabilities", required=True),
    StepDefinition(4, "Personalization", "Set up personalization features", required=False),
    StepDefinition(5, "Integrations", "Configure ALwrity integrations", required=False),
    StepDefinition(6, "Complete Setup", "Finalize and complete onboarding", required=True),
)

FINAL_STEP = len(STEPS)

# What has to be finished before onboarding can be; the final step is the finishing itself.
REQUIRED_BEFORE_FINAL = tuple(step.number for step in STEPS if step.required and step.number < FINAL_STEP)


def definition(number: int) -> StepDefinition:
    """The step of that number, 1 to 6."""
    return STEPS[number - 1]
