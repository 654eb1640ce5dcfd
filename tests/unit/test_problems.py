from __future__ import annotations

import re
from typing import get_args

import pytest

from dev.harness.in_process import InProcess
from dev.settings import ROOT
from lib.errors import Conflict, FieldCode, NotFound, OnboardingError, ProblemCode, Unavailable
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


def test_each_code_has_its_entry_and_each_entry_its_code() -> None:
    """`type` of a problem leads to one on the page `/problems`, and a field's code stands there too."""
    page = (ROOT / "public" / "problems" / "index.html").read_text()
    entries = re.findall(
        r'<article id="(\w+)"><h3><a href="#(\w+)">(\w+)</a>.*\n<p>.+</p>\n<p class="remedy">.+</p>', page
    )
    assert len(entries) == page.count("<article")
    assert {len(set(entry)) for entry in entries} == {1}
    problems, fields = get_args(ProblemCode.__value__), get_args(FieldCode.__value__)
    assert [entry[0] for entry in entries] == [*problems, *fields]
    assert [*problems] == sorted(problems)
    assert [*fields] == sorted(fields)


def test_the_page_of_problems_needs_nothing_else() -> None:
    """It is small, readable in the dark, and loads nothing from anywhere."""
    page = (ROOT / "public" / "problems" / "index.html").read_text()
    assert len(page) < 20_000
    assert "prefers-color-scheme: dark" in page
    assert re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"|url\(|@import', page) == []
