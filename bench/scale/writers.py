"""Writers who save one user after the other while something else happens, and how long they wait."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.scale.backends import Crowd
from bench.scale.statements import sample
from dev.harness.population import user_name
from dev.harness.statements import Sent
from lib.db.database import Database
from lib.db.engine import build_pool
from lib.errors import Unavailable

WRITERS = 2


@dataclass
class Writers:
    """What several writers saw since the last time that somebody asked. A write under way counts, too."""

    durations: list[float] = field(default_factory=list)
    refused: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, crowd: Crowd, sent: Sent) -> None:
        """Save one user after the other, as the functions do."""
        users, database = sample(crowd.users), Database(build_pool(crowd.url))
        *statements, query = sent.statements
        while not self.stopping.is_set():
            user, started = user_name(random.choice(users)), time.monotonic()  # noqa: S311 - any user
            try:
                database.write_and_read(user, statements, query)
            except Unavailable:
                self.refused += 1
            self.durations.append(time.monotonic() - started)
        database.close()

    def seen(self) -> tuple[list[float], int]:
        """The durations and the refused ones since the last time."""
        durations, refused = self.durations, self.refused
        self.durations, self.refused = [], 0
        return durations or [0.0], refused


@contextmanager
def writing(crowd: Crowd, sent: Sent) -> Iterator[Writers]:
    """Several writers, for as long as it is in use."""
    writers = Writers()
    threads = [threading.Thread(target=writers.run, args=(crowd, sent), daemon=True) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        writers.stopping.set()
        for thread in threads:
            thread.join()
