"""The connections of a process that no request uses at the moment."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

MAX_IDLE_S = 60


class _Pooled(Protocol):
    deadline: float

    @property
    def is_overdue(self) -> bool: ...

    def close(self) -> None: ...


class Pool[Connection: _Pooled]:
    """Hands out idle connections, the latest used first, and opens another where there is none.

    There are as many as are in use at once, which `lib.db.slots` limits.
    """

    def __init__(self, connect: Callable[[float], Connection]) -> None:
        """`connect` opens a connection until the monotonic deadline that it is given."""
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: list[tuple[Connection, float]] = []
        self._suspect_before = 0.0

    def take(self, deadline: float) -> Connection:
        """A connection on which nothing is waited for past the deadline. Raises what opening one raises."""
        connection = self._young() or self._connect(deadline)
        connection.deadline = deadline
        return connection

    def give_back(self, connection: Connection) -> None:
        """Leave a connection to the next request."""
        with self._lock:
            self._idle.append((connection, time.monotonic()))

    def drop(self, connection: Connection) -> None:
        """Close a connection that no request may use any more."""
        # Where one got no answer in time, the others lead over the same line.
        if connection.is_overdue:
            self._suspect_before = time.monotonic()
        connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _young(self) -> Connection | None:
        """An idle connection that may still be used, if there is one; the others are closed."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, idle_since = self._idle.pop()
            # A suspended instance or database may have dropped it meanwhile.
            if time.monotonic() - idle_since <= MAX_IDLE_S and idle_since >= self._suspect_before:
                return connection
            connection.close()
