"""Waiting for a condition, with a deadline, in place of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL = 0.02  # seconds


def wait_until[T](condition: Callable[[], T], *, timeout: float = 120) -> T:
    """Return the first true value of `condition`. Raises AssertionError after `timeout` seconds.

    By default they only tell that something hangs: a server that starts on a busy machine takes a minute.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still false after {timeout} seconds: {condition}")
        time.sleep(INTERVAL)
    return value
