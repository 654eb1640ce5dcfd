"""How many requests of one user may be at the AI backend at once.

Each keeps one of the instance's threads for as long as the AI backend takes, and the others need some too.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lib.errors import TooManyRequests

MOST_AT_ONCE = 8

_lock = threading.Lock()
_under_way: Counter[str] = Counter()


@contextmanager
def place_for(user_id: str) -> Iterator[None]:
    """Relay a request of the user inside. Raises `TooManyRequests` where as many as may be are under way already."""
    with _lock:
        if _under_way[user_id] >= MOST_AT_ONCE:
            raise TooManyRequests("Too many of your requests are being worked on. Please try again in a moment.")
        _under_way[user_id] += 1
    try:
        yield
    finally:
        with _lock:
            _under_way[user_id] -= 1
            if not _under_way[user_id]:
                del _under_way[user_id]
