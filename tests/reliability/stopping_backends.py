"""Stops the server processes of a database's connections with SIGSTOP, as a paused or overcommitted host does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.inspection import Superuser

_BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def backends(database: Superuser) -> list[int]:
    """The processes that serve the other connections to this database."""
    return [int(str(pid)) for (pid,) in database.execute(_BACKENDS)]


@contextmanager
def stopped(processes: list[int]) -> Iterator[None]:
    """Stop them while in use; one that ends meanwhile is none of ours any more."""
    _signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(processes, signal.SIGCONT)


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)
