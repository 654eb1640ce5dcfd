"""Thousands of mixed requests under faults: `make soak` runs more of them, with the real time limit."""

from __future__ import annotations

import pytest

from dev.harness.in_process import InProcess
from tests.reliability.campaign import Campaign
from tests.reliability.faults import Faults
from tests.reliability.faulty_line import FaultyLine
from tests.reliability.ledger import Ledger
from tests.support.inspection import Superuser

REQUESTS = 5_000


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nobody_sees_another_under_faults(
    calls: InProcess, line: FaultyLine, database: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5,000 requests: no acknowledged write is lost or overwritten by an older one, no 500, no answer far too late."""
    limit = 1.0
    monkeypatch.setattr("lib.db.engine.TIME_LIMIT_S", limit)
    figures = Campaign(calls, Faults(line, database, limit, seed=11), REQUESTS).run()
    assert not figures.wrong, figures.examples
    assert figures.statuses.keys() <= {200, 429, 503}, figures.problems
    assert figures.statuses[200] > REQUESTS / 2
    assert len(figures.faults) >= 5, figures.faults
    assert figures.longest < limit + 2


def test_the_ledger_sees_each_kind_of_wrong() -> None:
    """As a check of the check."""
    ledger = Ledger()
    account = ledger.account("user_2a")
    ledger.check("user_2a", None)
    account.last_acknowledged = account.next_write()
    account.next_write()
    for number in (1, 2):
        ledger.check("user_2a", {"user": "user_2a", "number": number})
    assert not ledger.wrong
    account.last_acknowledged = 2
    ledger.check("user_2a", {"user": "user_2a", "number": 1})
    ledger.check("user_2a", {"user": "user_2b", "number": 2})
    ledger.check("user_2a", None)
    assert ledger.wrong == {"overwritten by older": 1, "users crossed": 1, "acknowledged lost": 1}
    account.next_write(erases=True)
    ledger.check("user_2a", None)
    assert ledger.wrong.total() == 3
