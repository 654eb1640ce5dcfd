"""Who may use a connection next: a fixed number at a time, the others in the order in which they came."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lib.first_come import FirstCome

MOST_WAITING = 128
"""More would wait for seconds and make everybody after them wait as long."""

_WEIGHT_OF_LATEST = 0.1


class Overloaded(Exception):
    """There is no chance of a connection in time."""


class Slots:
    """Hands out `count` slots in order of arrival, and turns away at once whoever would wait in vain."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._slots = FirstCome(count)
        self._mean_use_s = 0.0

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return self._slots.counts[1]

    @contextmanager
    def slot(self, deadline: float) -> Iterator[None]:
        """Hold a slot. Raises `Overloaded` where none can be had before the monotonic `deadline`."""
        left_s = deadline - time.monotonic()
        if not self._slots.take(left_s, lambda waiting: self._may_wait(waiting, left_s)):
            raise Overloaded
        began = time.monotonic()
        try:
            yield
        finally:
            self._mean_use_s += _WEIGHT_OF_LATEST * (time.monotonic() - began - self._mean_use_s)
            self._slots.give_back()

    def _may_wait(self, waiting: int, left_s: float) -> bool:
        return waiting < MOST_WAITING and (waiting + 1) * self._mean_use_s / self._count <= left_s
