from __future__ import annotations

import pytest

from dev.harness.in_process import InProcess
from lib.errors import Conflict, NotFound, OnboardingError, Unavailable
from lib.http.app import Call, Route, Services, build_app


class AlreadyTakenError(Conflict):
    """A more particular conflict, as somebody may add one."""


class AsleepError(Unavailable):
    """A more particular outage."""


def answer_of(error: OnboardingError) -> tuple[int, str | None]:
    def fail(_call: Call) -> object:
        raise error

    def unused() -> object:
        raise AssertionError("no service is needed")

    app = build_app(lambda: [Route("GET", "/fail", fail, public=True)], Services(unused, unused))  # type: ignore[arg-type] # never called
    answer = InProcess("", 0, str, app=app).get("/fail")
    assert answer.json()["detail"] == error.detail
    return answer.status, answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (NotFound("Gone."), 404, None),
        (AlreadyTakenError("Taken."), 409, None),
        (AsleepError("Asleep.", "the reason"), 503, "5"),
    ],
)
def test_a_more_particular_error_answers_as_its_kind(
    environment: dict[str, str], error: OnboardingError, status: int, retry_after: str | None
) -> None:
    """A subclass of a domain error has the status and the headers of that error, and is no 500."""
    assert answer_of(error) == (status, retry_after)
