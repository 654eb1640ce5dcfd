"""One fault after the other, each for a moment, while requests run."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.reliability.faulty_line import FaultyLine
from tests.reliability.stopping_backends import backends, stopped
from tests.support.inspection import Superuser

_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class Faults:
    """Makes faults in a thread of its own until it is stopped. `limit` is the database's time limit in seconds."""

    def __init__(self, line: FaultyLine, database: Superuser, limit: float, seed: int) -> None:
        self._line, self._database, self._limit = line, database, limit
        self._random = random.Random(seed)  # noqa: S311 - the same ones each time
        self._ends = threading.Event()
        self.made: Counter[str] = Counter()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Make faults while in use; afterwards the line is good again."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._ends.set()
            thread.join()

    def _run(self) -> None:
        kinds: list[Callable[[], None]] = [
            self._delay, self._narrow, self._cut, self._hang_up, self._silence, self._stall,
            self._stall_half_way, self._stop_backends, self._terminate_backends,
        ]  # fmt: skip
        while not self._ends.is_set():
            for make in self._random.sample(kinds, len(kinds)):
                if self._ends.wait(self._random.uniform(0.2, 0.6)):
                    break
                self.made[make.__name__.strip("_").replace("_", " ")] += 1
                make()
                self._line.mend()

    def _for_a_moment(self, seconds: float) -> None:
        self._ends.wait(seconds)

    def _delay(self) -> None:
        self._line.delay = 0.02
        self._for_a_moment(0.3)

    def _narrow(self) -> None:
        self._line.width, self._line.delay = 512, 0.001
        self._for_a_moment(0.3)

    def _cut(self) -> None:
        for _ in range(5):
            self._line.cut()
            self._for_a_moment(0.02)

    def _hang_up(self) -> None:
        self._line.hang_up_on_clients()

    def _silence(self) -> None:
        self._line.is_silent = True
        self._for_a_moment(self._random.uniform(0.1, 1.2) * self._limit)

    def _stall(self) -> None:
        self._line.stall_every_connection()

    def _stall_half_way(self) -> None:
        self._line.stall_after(self._random.randrange(8_000))
        self._for_a_moment(0.3)

    def _stop_backends(self) -> None:
        processes = backends(self._database)
        with stopped(self._random.sample(processes, self._random.randint(0, len(processes)))):
            if self._random.random() < 0.5:
                self._line.hang_up_on_clients()
            self._for_a_moment(self._random.uniform(0.1, 1.2) * self._limit)

    def _terminate_backends(self) -> None:
        self._database.execute(_TERMINATE)
