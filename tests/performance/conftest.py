"""Fixtures of the performance tests, besides those of tests/conftest.py.

line        a `dev.harness.wire.Wire` to this test's database, for the functions of `calls` to go through
calls       every function called in this process, its database behind `line`
transaction the messages that a request sends besides where the database is distributed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.in_process import InProcess
from dev.harness.wire import Wire, wire
from lib import bootstrap
from tests.support.given_server import GivenServer, Server


@pytest.fixture
def line(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The line between functions and database."""
    with wire(environment["DATABASE_URL"]) as made:
        monkeypatch.setenv("DATABASE_URL", made.url)
        bootstrap.reset()
        yield made
        bootstrap.reset()


@pytest.fixture
def transaction(postgres: Server) -> Counter[str]:
    """BEGIN, the user's SET LOCAL and COMMIT, on a distributed database; nothing on any other."""
    is_distributed = isinstance(postgres, GivenServer) and bool(postgres.workers)
    return Counter(P=3, B=3, D=3, E=3) if is_distributed else Counter()


@pytest.fixture
def calls(line: Wire, token: TokenFactory) -> InProcess:
    """Calls every function directly."""
    return InProcess("", 0, token)
