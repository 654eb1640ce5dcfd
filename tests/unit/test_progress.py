from datetime import UTC, datetime

import pytest

from lib.steps.progress import Progress, StepState, titles


def _progress(**statuses: str) -> Progress:
    return Progress(steps={int(name[1:]): StepState(status) for name, status in statuses.items()})


def test_a_user_never_seen_before_stands_at_the_beginning() -> None:
    """Step 1, 0 %, nothing started, nothing finished."""
    fresh = Progress()
    assert (fresh.current_step, fresh.progress, fresh.started_at, fresh.is_completed) == (1, 0.0, None, False)
    assert fresh.next_step == 1


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"s1": "completed"}, 2),
        ({"s2": "completed"}, 1),
        ({"s1": "completed", "s2": "completed", "s3": "completed", "s4": "skipped"}, 5),
        ({"s1": "completed", "s2": "in_progress"}, 2),
        ({f"s{number}": "completed" for number in range(1, 7)}, None),
    ],
)
def test_next_step_is_the_lowest_neither_completed_nor_skipped(statuses: dict[str, str], expected: int | None) -> None:
    """A gap is found however far the user went; with none left there is no next step."""
    assert _progress(**statuses).next_step == expected


def test_the_final_step_opens_once_steps_1_to_3_are_finished() -> None:
    """Optional steps do not stand in the way."""
    assert _progress(s1="completed", s2="completed", s3="completed").can_proceed_to_final
    assert not _progress(s1="completed", s2="completed", s4="completed", s5="completed").can_proceed_to_final


def test_a_step_opens_once_the_required_steps_before_it_are_finished() -> None:
    """What is missing before a step is named; step 1 is always open."""
    assert _progress().missing_before(1) == []
    assert _progress(s2="completed").missing_before(4) == [1, 3]
    assert _progress(s1="completed", s2="completed", s3="completed").missing_before(5) == []


def test_a_finished_session_is_completed() -> None:
    """Only the moment of finishing makes onboarding completed, not the steps."""
    assert Progress(completed_at=datetime.now(UTC)).is_completed
    assert not _progress(**{f"s{number}": "completed" for number in range(1, 7)}).is_completed


def test_titles_read_as_a_list() -> None:
    """An error can name the steps that are missing."""
    assert titles([2, 3]) == "Website Analysis, AI Research"
