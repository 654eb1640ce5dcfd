from datetime import UTC, datetime

import pytest

from lib.steps.definitions import API_KEYS, INTEGRATIONS, PERSONA, RESEARCH, SIX_STEPS, WEBSITE, Flow, Status
from lib.steps.progress import Progress, StepState, titles

ALL_COMPLETED: dict[str, Status] = {step.key: "completed" for step in SIX_STEPS.steps}


def _progress(**statuses: Status) -> Progress:
    return Progress(steps={key: StepState(status) for key, status in statuses.items()})


def test_a_user_never_seen_before_stands_at_the_beginning() -> None:
    """Step 1, 0 %, nothing started, nothing finished."""
    fresh = Progress()
    assert (fresh.current_step, fresh.completion_percentage) == (1, 0.0)
    assert (fresh.started_at, fresh.is_completed) == (None, False)
    assert fresh.next_step == 1


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"api_keys": "completed"}, 2),
        ({"website": "completed"}, 1),
        ({"api_keys": "completed", "website": "completed", "research": "completed", "persona": "skipped"}, 5),
        ({"api_keys": "completed", "website": "in_progress"}, 2),
        (ALL_COMPLETED, None),
    ],
)
def test_next_step_is_the_lowest_neither_completed_nor_skipped(
    statuses: dict[str, Status], expected: int | None
) -> None:
    """A gap is found however far the user went; with none left there is no next step."""
    assert _progress(**statuses).next_step == expected


def test_the_final_step_opens_once_steps_1_to_3_are_finished() -> None:
    """Optional steps do not stand in the way."""
    assert _progress(api_keys="completed", website="completed", research="completed").can_proceed_to_final
    optional: dict[str, Status] = {"persona": "completed", "integrations": "completed"}
    assert not _progress(api_keys="completed", website="completed", **optional).can_proceed_to_final


def test_a_step_opens_once_the_required_steps_before_it_are_finished() -> None:
    """What is missing before a step is named; step 1 is always open."""
    assert _progress().missing_before(API_KEYS) == []
    assert _progress(website="completed").missing_before(PERSONA) == [API_KEYS, RESEARCH]
    assert _progress(api_keys="completed", website="completed", research="completed").missing_before(INTEGRATIONS) == []


def test_a_finished_session_is_completed() -> None:
    """Only the moment of finishing makes onboarding completed, not the steps."""
    assert Progress(completed_at=datetime.now(UTC)).is_completed
    assert not _progress(**ALL_COMPLETED).is_completed


@pytest.mark.parametrize(
    ("furthest", "current"),
    [(None, 1), *((step.key, min(number + 1, len(SIX_STEPS))) for number, step in SIX_STEPS.numbered())],
)
def test_the_current_step_follows_the_furthest_one(furthest: str | None, current: int) -> None:
    """It is the one after it, at most the last one."""
    assert Progress(furthest_step=furthest).current_step == current


def test_the_percentage_is_the_share_of_finished_steps_until_onboarding_is_completed() -> None:
    """A skipped step counts, an unfinished one does not, and whoever has completed stands at 100 %."""
    some = _progress(api_keys="completed", persona="skipped", website="in_progress")
    assert some.completion_percentage == 2 / len(SIX_STEPS) * 100
    assert Progress(steps=some.steps, completed_at=datetime.now(UTC)).completion_percentage == 100.0


def test_a_flow_of_other_steps_has_its_own_numbers_and_percentages() -> None:
    """Nothing is counted by a fixed number of steps: what is stored is the same, the flow says what it means."""
    short = Flow((WEBSITE, RESEARCH))
    progress = Progress(furthest_step="website", steps={"website": StepState("completed")}, flow=short)
    assert (progress.current_step, progress.completion_percentage, progress.next_step) == (2, 50.0, 2)


def test_titles_read_as_a_list() -> None:
    """An error can name the steps that are missing."""
    assert titles([WEBSITE, RESEARCH]) == "Website Analysis, AI Research"
