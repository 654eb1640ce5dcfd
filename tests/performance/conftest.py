"""Fixtures of the performance tests, besides those of tests/conftest.py.

line        a `dev.harness.wire.Wire` to this test's database, for the functions of `calls` to go through
calls       every function called in this process, its database behind `line`
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from dev.harness.wire import Wire, wire
from lib import bootstrap


@pytest.fixture
def line(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The line between functions and database."""
    with wire(environment["DATABASE_URL"]) as made:
        monkeypatch.setenv("DATABASE_URL", made.url)
        bootstrap.reset()
        yield made
        bootstrap.reset()


@pytest.fixture
def calls(line: Wire, token: TokenFactory) -> InProcess:
    """Calls every function directly."""
    return InProcess("", 0, token)
