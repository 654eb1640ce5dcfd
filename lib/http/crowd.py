"""How many requests this process works on at once: a few, then those that wait in order of arrival, and no more.

Threads that all want the interpreter at once keep the next requests from even being accepted, and a process that gets
more than it can do lets everybody wait longer and longer. Whoever waits for something that is not this process's work,
such as the database, is not counted.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from lib.db.budget import note_wait
from lib.errors import Unavailable

MOST_WORKING = 16
MOST_WAITING = 200
"""Half a second's work of an instance, and more than a page's own bursts."""

LONGEST_WAIT_S = 2


class Crowd:
    """The requests of a process that are being worked on, or wait for it. Safe to use from many threads."""

    def __init__(self) -> None:
        self._working = 0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def counts(self) -> tuple[int, int]:
        """How many are being worked on, and how many wait."""
        return self._working, len(self._waiting)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Work on a request inside. Raises `Unavailable` where it would wait for long."""
        began = time.monotonic()
        self._enter()
        note_wait(time.monotonic() - began)
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Within `joined`: wait inside for something that is not this process's work."""
        self._leave()
        try:
            yield
        finally:
            with self._lock:
                self._working += 1

    def _enter(self) -> None:
        with self._lock:
            if self._working < MOST_WORKING:
                self._working += 1
                return
            if len(self._waiting) >= MOST_WAITING:
                raise _too_many()
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(LONGEST_WAIT_S):
            return
        with self._lock:
            if not called.is_set():
                self._waiting.remove(called)
                raise _too_many()

    def _leave(self) -> None:
        with self._lock:
            self._working -= 1
            while self._waiting and self._working < MOST_WORKING:
                self._working += 1
                self._waiting.popleft().set()


CROWD = Crowd()
"""Those of this process."""


def _too_many() -> Unavailable:
    return Unavailable("The service is very busy. Please try again in a moment.", "overloaded: too many requests")
