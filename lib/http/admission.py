"""What a request has to wait for in this process before it may work, so that nobody takes everything from the others.

The queues are the process's own: the platform serves one instance with one process and many threads.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from lib.db.budget import new_budget, note_wait, waited_s
from lib.errors import Unavailable
from lib.http.body_room import ROOM_FOR_LARGE_BYTES, ROOM_FOR_SMALL_BYTES, SMALL_BODY_BYTES, Room
from lib.http.crowd import CROWD
from lib.http.turns import Ticket, Turns

LONGEST_WAIT_S = 5
WRITING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_turns = Turns()
_small_bodies, _large_bodies = Room(ROOM_FOR_SMALL_BYTES), Room(ROOM_FOR_LARGE_BYTES)


@dataclass
class Admitted:
    """A request that is being answered, and what it holds until it is."""

    ticket: Ticket | None = None
    bodies: list[tuple[Room, int]] = field(default_factory=list)

    def identify(self, user_id: str) -> None:
        """Say whose request it is. Raises `TooManyRequests`."""
        if self.ticket is not None:
            _turns.identify(self.ticket, user_id)


_admitted: ContextVar[Admitted | None] = ContextVar("admitted", default=None)


@contextmanager
def admitted(*, may_write: bool) -> Iterator[Admitted]:
    """Answer a request inside. One that `may_write` has its place in the order of its user's writes from now on.

    Raises `Unavailable` where there are too many already.
    """
    with CROWD.joined(), new_budget(), _admitted_once(may_write=may_write) as request:
        yield request


@contextmanager
def _admitted_once(*, may_write: bool) -> Iterator[Admitted]:
    request = Admitted(_turns.arrive() if may_write else None)
    token = _admitted.set(request)
    try:
        yield request
    finally:
        _admitted.reset(token)
        if request.ticket is not None:
            _turns.leave(request.ticket)
        for room, size in request.bodies:
            room.leave(size)


@contextmanager
def turn(user_id: str, deadline: float) -> Iterator[None]:
    """Write for a user inside, when it is the request's turn. Raises `TooManyRequests` at the monotonic `deadline`."""
    request = _admitted.get()
    if request and request.ticket and request.ticket.user_id == user_id:
        with _waited_for(request.ticket, deadline):
            yield
        return
    ticket = _turns.arrive()
    try:
        _turns.identify(ticket, user_id)
        with _waited_for(ticket, deadline):
            yield
    finally:
        _turns.leave(ticket)


@contextmanager
def _waited_for(ticket: Ticket, deadline: float) -> Iterator[None]:
    with ExitStack() as stack:
        with CROWD.left():
            stack.enter_context(_turns.turn(ticket, deadline))
        yield


def hold_body(size: int) -> None:
    """Wait until there is room for a body of `size` bytes, which the request keeps to its end. Raises `Unavailable`."""
    request = _admitted.get()
    if request is None or not size:
        return
    room = _small_bodies if size <= SMALL_BODY_BYTES else _large_bodies
    began = time.monotonic()
    with CROWD.left():
        has_room = room.enter(size, LONGEST_WAIT_S - waited_s())
    if not has_room:
        raise Unavailable(
            "The service is very busy. Please try again in a moment.", "overloaded: too many large bodies"
        )
    request.bodies.append((room, size))
    note_wait(time.monotonic() - began)
