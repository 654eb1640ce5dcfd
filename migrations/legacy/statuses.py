"""Which steps an old database's user has finished. The old tables hold no statuses, so they are inferred. Pure.

The old software counted the completed steps (not the skipped ones) in `progress`, set `current_step` behind the step
finished last, and wrote a step's row when it was completed.
"""

from collections.abc import Collection

LAST_STEP = 6
_OPTIONAL = (4, 5)


def inferred_statuses(current_step: int | None, progress: float | None, with_data: Collection[int]) -> dict[int, str]:
    """Status by step number, for the finished ones alone. `with_data`: the steps whose tables have a row."""
    if current_step is None and progress is None:
        return dict.fromkeys(sorted(with_data), "completed")
    completed = LAST_STEP if progress is None else round(progress * LAST_STEP / 100)
    if completed >= LAST_STEP and progress is not None:
        return dict.fromkeys(range(1, LAST_STEP + 1), "completed")
    reached = min(current_step or completed + 1, LAST_STEP)
    if completed == 0 and reached == 1:
        return {}  # reset, or not begun; what is stored stays
    passed = range(1, reached)
    statuses = dict.fromkeys((step for step in passed if step in with_data), "completed")
    for step in passed:
        if step in statuses:
            continue
        if len([status for status in statuses.values() if status == "completed"]) < completed:
            statuses[step] = "completed"
        elif step in _OPTIONAL:
            statuses[step] = "skipped"
    return statuses


def percentage(finished: int) -> float:
    """The completion percentage of that many finished steps."""
    return finished / LAST_STEP * 100


def step_behind(finished: Collection[int]) -> int:
    """The current step: the highest one finished, plus 1, at most 6."""
    return min(max(finished, default=0) + 1, LAST_STEP)
