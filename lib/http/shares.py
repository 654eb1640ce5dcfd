"""How many requests of one caller may be under way at once in this process, so that some can be for the others."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lib.errors import TooManyRequests


class Shares:
    """Counts what each caller has under way. Safe to use from many threads."""

    def __init__(self, most_at_once: int) -> None:
        self._most_at_once = most_at_once
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def one_of(self, caller: str) -> Iterator[None]:
        """Work on a request of the caller inside. Raises `TooManyRequests` where as many as may be are under way."""
        with self._lock:
            if self._under_way[caller] >= self._most_at_once:
                raise TooManyRequests("Too many of your requests are being worked on. Please try again in a moment.")
            self._under_way[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way[caller] -= 1
                if not self._under_way[caller]:
                    del self._under_way[caller]
