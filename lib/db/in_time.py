"""Runs what cannot be interrupted for a limited time."""

import threading
from collections.abc import Callable
from typing import Protocol


class _Closable(Protocol):
    def close(self) -> object: ...


def opened_in_time[Opened: _Closable](open_it: Callable[[], Opened], seconds: float) -> Opened:
    """What `open_it` opens. Raises what it raises, and `TimeoutError` after `seconds`; opened later, it is closed.

    psycopg's own limit counts whole seconds, two at least, for each address of a host anew.
    """
    opening = _Opening(open_it)
    threading.Thread(target=opening.run, daemon=True).start()
    return opening.result(seconds)


class _Opening[Opened: _Closable]:
    def __init__(self, open_it: Callable[[], Opened]) -> None:
        self._open_it = open_it
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._is_given_up = False
        self._opened: Opened | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            opened = self._open_it()
        except BaseException as error:
            self._error = error
        else:
            with self._lock:
                self._opened = opened
                if self._is_given_up:
                    opened.close()
        self._done.set()

    def result(self, seconds: float) -> Opened:
        self._done.wait(seconds)
        with self._lock:
            if self._opened is not None:
                return self._opened
            self._is_given_up = True
        if self._error is not None:
            raise self._error
        raise TimeoutError
