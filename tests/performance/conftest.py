"""Fixtures of the performance tests, besides those of tests/conftest.py.

line        a `tests.support.wire.Wire` to this test's database, for the functions of `calls` to go through
calls       every function called in this process, its database behind `line`
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lib import bootstrap
from tests.support.clerk import TokenFactory
from tests.support.in_process import InProcess
from tests.support.wire import Wire, wire


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
