"""Who may use a connection next: a fixed number at a time, the others in the order in which they came."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MOST_WAITING = 128
"""More would wait for seconds and make everybody after them wait as long."""

_WEIGHT_OF_LATEST = 0.1


class Overloaded(Exception):
    """There is no chance of a connection in time."""


class Slots:
    """Hands out `count` slots in order of arrival, and turns away at once whoever would wait in vain."""

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._mean_use_s = 0.0

    @contextmanager
    def slot(self, deadline: float) -> Iterator[None]:
        """Hold a slot. Raises `Overloaded` where none can be had before the monotonic `deadline`."""
        self._acquire(deadline)
        began = time.monotonic()
        try:
            yield
        finally:
            self._release(time.monotonic() - began)

    def _acquire(self, deadline: float) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._waiting) >= MOST_WAITING or time.monotonic() + self._expected_wait_s() > deadline:
                raise Overloaded
            handed_over = threading.Event()
            self._waiting.append(handed_over)
        if handed_over.wait(deadline - time.monotonic()):
            return
        with self._lock:
            if not handed_over.is_set():
                self._waiting.remove(handed_over)
                raise Overloaded

    def _expected_wait_s(self) -> float:
        return (len(self._waiting) + 1) * self._mean_use_s / self._count

    def _release(self, used_s: float) -> None:
        with self._lock:
            self._mean_use_s += _WEIGHT_OF_LATEST * (used_s - self._mean_use_s)
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
