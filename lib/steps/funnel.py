"""How far users get: the rules that turn what the database counts into a funnel, step by step. No user is named."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from lib.steps.definitions import COMPLETED, IN_PROGRESS, SKIPPED, STEPS, Flow, StepDefinition

STUCK_AFTER_DAYS = 7
"""Onboarding that is not completed counts as stuck when nothing was stored for longer than this."""

TIMED_USERS = 10_000
"""Median times are those of this many users, the ones who started last: what the steps take now, at a bounded cost."""


@dataclass(frozen=True)
class Sessions:
    """Users who got equally far: `furthest_step` is the key of the furthest step that they finished, None for none."""

    furthest_step: str | None
    is_completed: bool
    users: int
    stuck: int


@dataclass(frozen=True)
class StepUsers:
    """Users in whose session a step has one status, and who got equally far."""

    step_key: str
    status: str
    users: int
    furthest_step: str | None = None


@dataclass(frozen=True)
class Counts:
    """What the database counted. `begun` are the steps in progress of users who have not completed onboarding."""

    sessions: Sequence[Sessions]
    steps: Sequence[StepUsers]
    begun: Sequence[StepUsers]
    median_seconds: Mapping[str, float]


class StepFunnel(TypedDict):
    """One step of the funnel."""

    step_number: int
    """The step's number."""
    step: str
    """The key under which it is stored."""
    title: str
    """Its title."""
    reached: int
    """How many users got to it."""
    finished: int
    """How many completed it."""
    skipped: int
    """How many skipped it."""
    in_progress: int
    """How many have begun it."""
    median_seconds: float | None
    """How long it took half of the users at most; null where nobody was timed."""


class Funnel(TypedDict):
    """How many users get how far. No user is named."""

    started: int
    """How many began."""
    completed: int
    """How many finished onboarding."""
    stuck_over_7_days: int
    """How many of those who began have not finished, and stored nothing for longer than 7 days."""
    steps: list[StepFunnel]
    """Each step."""


def funnel(counts: Counts, flow: Flow) -> Funnel:
    """The funnel as a page with that flow shows the steps."""
    return {
        "started": sum(session.users for session in counts.sessions),
        "completed": sum(session.users for session in counts.sessions if session.is_completed),
        "stuck_over_7_days": sum(session.stuck for session in counts.sessions),
        "steps": [_step(number, step, counts, flow) for number, step in flow.numbered()],
    }


def _step(number: int, step: StepDefinition, counts: Counts, flow: Flow) -> StepFunnel:
    seconds = counts.median_seconds.get(step.key)
    return {
        "step_number": number,
        "step": step.key,
        "title": step.title,
        "reached": _reached(step, counts, flow),
        "finished": _with_status(step, COMPLETED, counts),
        "skipped": _with_status(step, SKIPPED, counts),
        "in_progress": _with_status(step, IN_PROGRESS, counts),
        "median_seconds": None if seconds is None else round(seconds, 1),
    }


def _reached(step: StepDefinition, counts: Counts, flow: Flow) -> int:
    """Who finished the step before or any later one, completed onboarding, or has begun this step out of order."""
    opens = _opening(step, flow)
    arrived = sum(one.users for one in counts.sessions if one.is_completed or one.furthest_step in opens)
    early = (one for one in counts.begun if one.step_key == step.key and one.furthest_step not in opens)
    return arrived + sum(one.users for one in early)


def _opening(step: StepDefinition, flow: Flow) -> Collection[str | None]:
    """The furthest steps of users who have this one in front of them or behind them. The first is open to everybody."""
    place = flow.steps.index(step)
    if place == 0:
        return [None, *(every.key for every in STEPS)]
    before = STEPS.index(flow.steps[place - 1])
    return [every.key for every in STEPS[before:]]


def _with_status(step: StepDefinition, status: str, counts: Counts) -> int:
    return sum(one.users for one in counts.steps if one.step_key == step.key and one.status == status)
