"""Fixtures of the reliability tests, besides those of tests/conftest.py.

line        a `FaultyLine` to this test's database, for the functions of `calls` to go through
calls       every function called in this process, its database behind `line`
quick_limit the time limit of the database, shortened, so that a test need not wait for five seconds
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from lib import bootstrap
from tests.reliability.faulty_line import FaultyLine, faulty_line

QUICK_LIMIT_S = 1.5


@pytest.fixture
def line(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyLine]:
    """The line between functions and database."""
    with faulty_line(environment["DATABASE_URL"]) as made:
        monkeypatch.setenv("DATABASE_URL", made.url)
        bootstrap.reset()
        yield made
        bootstrap.reset()


@pytest.fixture
def calls(line: FaultyLine, token: TokenFactory) -> InProcess:
    """Calls every function directly."""
    return InProcess("", 0, token)


@pytest.fixture
def quick_limit(monkeypatch: pytest.MonkeyPatch) -> float:
    """The shortened time limit in seconds."""
    monkeypatch.setattr("lib.db.engine.TIME_LIMIT_S", QUICK_LIMIT_S)
    return QUICK_LIMIT_S
