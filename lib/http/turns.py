"""The order of one user's writes within this process: that of their arrival.

The page saves a key letter by letter without waiting for answers. Whichever thread gets on fastest, the letter that
was sent last has to be stored last, so the writes of one user reach the database one after the other, and those that
wait hold no connection. At most `MOST_AT_ONCE` are under way, one of them in the database, and `MOST_WAITING` wait.
"""

import threading
import time
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from lib.errors import TooManyRequests

MOST_AT_ONCE = 2
MOST_WAITING = 32
PATIENCE_S = 0.1
"""How long a write waits for an earlier one whose token or body is still being read."""


@dataclass(eq=False)
class Ticket:
    """A request's place. `number` says when it arrived."""

    number: int
    user_id: str | None = None
    is_waiting: bool = False
    called: threading.Event | None = None


@dataclass
class _Queue:
    """The requests of one user that may still write, in order of arrival."""

    tickets: list[Ticket] = field(default_factory=list)
    is_writing: bool = False


class Turns:
    """Hands out tickets and turns. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._unidentified: dict[int, Ticket] = {}
        self._waiting_for_unidentified: set[Ticket] = set()
        self._queues: dict[str, _Queue] = {}

    def arrive(self) -> Ticket:
        """A ticket for a request that has just arrived and whose user is not known yet."""
        with self._lock:
            ticket = Ticket(next(self._numbers))
            self._unidentified[ticket.number] = ticket
            return ticket

    def identify(self, ticket: Ticket, user_id: str) -> None:
        """Say whose request it is. Raises `TooManyRequests` where too many of this user are there already."""
        with self._lock:
            self._unidentified.pop(ticket.number, None)
            self._call_waiting_for_unidentified()
            queue = self._queues.setdefault(user_id, _Queue())
            if len(queue.tickets) >= MOST_AT_ONCE + MOST_WAITING:
                raise _too_many()
            ticket.user_id = user_id
            insort(queue.tickets, ticket, key=_number)

    def leave(self, ticket: Ticket) -> None:
        """The request is answered."""
        with self._lock:
            if self._unidentified.pop(ticket.number, None) is not None:
                self._call_waiting_for_unidentified()
            self._remove(ticket)

    @contextmanager
    def turn(self, ticket: Ticket, deadline: float) -> Iterator[None]:
        """Write when it is this request's turn. Raises `TooManyRequests` at the monotonic `deadline`."""
        queue = self._wait_for_turn(ticket, deadline)
        try:
            yield
        finally:
            with self._lock:
                queue.is_writing = False
                self._remove(ticket)

    def _wait_for_turn(self, ticket: Ticket, deadline: float) -> _Queue:
        impatient_from = time.monotonic() + PATIENCE_S
        while True:
            with self._lock:
                queue = self._queue_with(ticket)
                now = time.monotonic()
                if self._may_write(ticket, queue, is_patient=now < impatient_from):
                    ticket.is_waiting, queue.is_writing = False, True
                    return queue
                if now >= deadline:
                    self._remove(ticket)
                    raise _too_many()
                ticket.is_waiting = True
                ticket.called = ticket.called or threading.Event()
                ticket.called.clear()
                called = ticket.called
            called.wait(min(impatient_from if now < impatient_from else deadline, deadline) - now)

    def _queue_with(self, ticket: Ticket) -> _Queue:
        """The queue of the ticket's user; a request that writes once more takes its old place."""
        queue = self._queues.setdefault(ticket.user_id or "", _Queue())
        if ticket not in queue.tickets:
            insort(queue.tickets, ticket, key=_number)
        return queue

    def _may_write(self, ticket: Ticket, queue: _Queue, *, is_patient: bool) -> bool:
        earlier = queue.tickets[: queue.tickets.index(ticket)]
        self._waiting_for_unidentified.discard(ticket)
        if queue.is_writing or any(other.is_waiting for other in earlier):
            return False
        if is_patient and next(iter(self._unidentified), ticket.number) < ticket.number:
            self._waiting_for_unidentified.add(ticket)
            return False
        return not (is_patient and earlier)

    def _remove(self, ticket: Ticket) -> None:
        self._waiting_for_unidentified.discard(ticket)
        ticket.is_waiting = False
        queue = self._queues.get(ticket.user_id or "")
        if queue is None:
            return
        if ticket in queue.tickets:
            queue.tickets.remove(ticket)
        if following := next((other for other in queue.tickets if other.is_waiting), None):
            _call(following)
        elif not queue.tickets and not queue.is_writing:
            del self._queues[ticket.user_id or ""]

    def _call_waiting_for_unidentified(self) -> None:
        for ticket in self._waiting_for_unidentified:
            _call(ticket)
        self._waiting_for_unidentified.clear()


def _number(ticket: Ticket) -> int:
    return ticket.number


def _call(ticket: Ticket) -> None:
    if ticket.called is not None:
        ticket.called.set()


def _too_many() -> TooManyRequests:
    return TooManyRequests("Too many changes were sent at once. Please try again in a moment.")
