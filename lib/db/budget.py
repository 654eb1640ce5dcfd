"""What a request has waited for already, since five seconds are its limit for all of its waits together."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_waited_s: ContextVar[float] = ContextVar("waited_s", default=0.0)


def waited_s() -> float:
    """The seconds that the request of this thread has waited before it came to the database."""
    return _waited_s.get()


def note_wait(seconds: float) -> None:
    """Add a wait to those of this request."""
    _waited_s.set(_waited_s.get() + seconds)


@contextmanager
def new_budget() -> Iterator[None]:
    """A request that begins here has waited for nothing yet."""
    token = _waited_s.set(0.0)
    try:
        yield
    finally:
        _waited_s.reset(token)
