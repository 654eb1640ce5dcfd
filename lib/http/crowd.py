"""How many requests this process works on at once: a few, then those that wait in order of arrival, and no more.

Threads that all want the interpreter at once keep the next requests from even being accepted, and a process that gets
more than it can do lets everybody wait longer and longer. Whoever waits for something that is not this process's work,
such as the database, is not counted.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lib.db.budget import note_wait
from lib.errors import Unavailable
from lib.first_come import FirstCome

MOST_WORKING = 16
MOST_WAITING = 200
"""Half a second's work of an instance, and more than a page's own bursts."""

LONGEST_WAIT_S = 2


class Crowd:
    """The requests of a process that are being worked on, or wait for it. Safe to use from many threads."""

    def __init__(self) -> None:
        self._places = FirstCome(MOST_WORKING)

    @property
    def counts(self) -> tuple[int, int]:
        """How many are being worked on, and how many wait."""
        return self._places.counts

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Work on a request inside. Raises `Unavailable` where it would wait for long."""
        began = time.monotonic()
        if not self._places.take(LONGEST_WAIT_S, lambda waiting: waiting < MOST_WAITING):
            raise Unavailable(
                "The service is very busy. Please try again in a moment.", "overloaded: too many requests"
            )
        note_wait(time.monotonic() - began)
        try:
            yield
        finally:
            self._places.give_back()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Within `joined`: wait inside for something that is not this process's work."""
        self._places.give_back()
        try:
            yield
        finally:
            self._places.take_back()


CROWD = Crowd()
"""Those of this process."""
