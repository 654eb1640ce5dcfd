"""Places that are handed out in order of arrival."""

import threading
from collections import deque
from collections.abc import Callable


class FirstCome:
    """A number of places at a time; the others wait in the order in which they came. Safe to use from many threads."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def counts(self) -> tuple[int, int]:
        """How many places are taken, and how many wait for one."""
        return self._taken, len(self._waiting)

    def take(self, timeout: float, may_wait: Callable[[int], bool]) -> bool:
        """Take a place within `timeout` seconds; `may_wait` is told how many wait already. Whether it was taken."""
        with self._lock:
            if self._taken < self._places:
                self._taken += 1
                return True
            if not may_wait(len(self._waiting)):
                return False
            handed_over = threading.Event()
            self._waiting.append(handed_over)
        if handed_over.wait(timeout):
            return True
        with self._lock:
            if handed_over.is_set():
                return True
            self._waiting.remove(handed_over)
            return False

    def take_back(self) -> None:
        """Take a place at once that was given back for a while, even if that makes one too many."""
        with self._lock:
            self._taken += 1

    def give_back(self) -> None:
        """Hand a place over to whoever waits longest."""
        with self._lock:
            self._taken -= 1
            while self._waiting and self._taken < self._places:
                self._taken += 1
                self._waiting.popleft().set()
