"""Which steps an old database's user has finished. The old tables hold no statuses, so they are inferred. Pure.

The old software counted the completed steps (not the skipped ones) in `progress`, set `current_step` behind the step
finished last, and wrote a step's row when it was completed.
"""

from collections.abc import Collection

from lib.steps.definitions import (
    API_KEYS,
    COMPLETED,
    FINISH,
    FINISHED_STATUSES,
    INTEGRATIONS,
    PERSONA,
    RESEARCH,
    SKIPPED,
    WEBSITE,
)
from migrations.legacy.records import STEP, State

OLD_STEPS = dict(enumerate((API_KEYS, WEBSITE, RESEARCH, PERSONA, INTEGRATIONS, FINISH), start=1))
"""The steps by the numbers that the old software gave them."""
NUMBERS = {step.key: number for number, step in OLD_STEPS.items()}
LAST_STEP = max(OLD_STEPS)
REQUIRED_BEFORE_LAST = {number for number, step in OLD_STEPS.items() if step.required and number < LAST_STEP}


def inferred_statuses(current_step: int | None, progress: float | None, with_data: Collection[int]) -> dict[int, str]:
    """Status by step number, for the finished ones alone. `with_data`: the steps whose tables have a row."""
    if current_step is None and progress is None:
        return dict.fromkeys(sorted(with_data), COMPLETED)
    completed = LAST_STEP if progress is None else round(progress * LAST_STEP / 100)
    if completed >= LAST_STEP and progress is not None:
        return dict.fromkeys(OLD_STEPS, COMPLETED)
    reached = min(current_step or completed + 1, LAST_STEP)
    if completed == 0 and reached == 1:
        return {}  # reset, or not begun; what is stored stays
    passed = range(1, reached)
    statuses: dict[int, str] = dict.fromkeys((step for step in passed if step in with_data), COMPLETED)
    for step in passed:
        if step in statuses:
            continue
        if len([status for status in statuses.values() if status == COMPLETED]) < completed:
            statuses[step] = COMPLETED
        elif not OLD_STEPS[step].required:
            statuses[step] = SKIPPED
    return statuses


def step_behind(finished: Collection[int]) -> int:
    """The current step: the highest one finished, plus 1, at most the last one."""
    return min(max(finished, default=0) + 1, LAST_STEP)


def finished_steps(state: State) -> set[int]:
    """The numbers of the steps that a user has completed or skipped."""
    return {
        int(key)
        for (kind, key), held in state.items()
        if kind == STEP and held.values.get("status", {}).get("status") in FINISHED_STATUSES
    }


def furthest_step(current_step: int, finished: Collection[int]) -> str | None:
    """The key of the furthest step finished, for a user whose current step is that one; None for the first step."""
    if LAST_STEP in finished:
        return OLD_STEPS[LAST_STEP].key
    return OLD_STEPS[current_step - 1].key if current_step > 1 else None


def current_step(furthest: str | None) -> int:
    """The number of the current step, given the key of the furthest step finished."""
    return min(NUMBERS[furthest] + 1, LAST_STEP) if furthest in NUMBERS else 1
