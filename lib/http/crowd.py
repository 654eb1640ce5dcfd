"""How many requests this process works on at once; past that, the next are refused before they cost anything.

A process that gets more than it can do would otherwise let everybody wait longer and longer, and nobody be served in
time. Whoever waits for something else, and costs nothing meanwhile, is not counted.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lib.errors import Unavailable

MOST_AT_ONCE = 160
"""Half a second's work of an instance, and more than a page's own bursts."""


class Crowd:
    """The requests of a process that are being worked on. Safe to use from many threads."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Work on a request inside. Raises `Unavailable` where there are as many as may be."""
        with self._lock:
            if self.count >= MOST_AT_ONCE:
                raise Unavailable(
                    "The service is very busy. Please try again in a moment.", "overloaded: too many requests at once"
                )
            self.count += 1
        try:
            yield
        finally:
            self._add(-1)

    @contextmanager
    def left(self) -> Iterator[None]:
        """Within `joined`: wait inside for something that is not this process's work."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def _add(self, number: int) -> None:
        with self._lock:
            self.count += number


CROWD = Crowd()
"""Those of this process."""
