"""How long the request of this thread has waited for the database."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps

_database_s: ContextVar[float] = ContextVar("database_s", default=0.0)


def start_counting() -> None:
    """A new request begins in this thread."""
    _database_s.set(0.0)


def database_s() -> float:
    """Seconds since `start_counting` that this thread spent in functions that wait for the database."""
    return _database_s.get()


def waits_for_database[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """Count the seconds that the function takes, whether it returns or raises."""

    @wraps(function)
    def counted(*args: P.args, **kwargs: P.kwargs) -> T:
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            _database_s.set(_database_s.get() + time.perf_counter() - began)

    return counted
