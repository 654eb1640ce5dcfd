"""What a request has to wait for in this process before it may work, so that nobody takes everything from the others.

The queues are the process's own: the platform serves one instance with one process and many threads.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from lib.db.budget import new_budget, note_wait, waited_s
from lib.errors import Unavailable
from lib.http.body_room import ROOM_FOR_LARGE_BYTES, ROOM_FOR_SMALL_BYTES, SMALL_BODY_BYTES, Room
from lib.http.crowd import CROWD
from lib.http.shares import Shares
from lib.http.turns import Ticket, Turns

LONGEST_WAIT_S = 5
MOST_AT_ONCE = 100
"""Of one user: fewer than may wait for a connection, and far more than a page sends."""

WRITING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_turns = Turns()
_by_user = Shares(MOST_AT_ONCE)
_small_bodies, _large_bodies = Room(ROOM_FOR_SMALL_BYTES), Room(ROOM_FOR_LARGE_BYTES)


@dataclass
class Admitted:
    """A request that is being answered, and what it holds until it is."""

    ticket: Ticket | None
    held: ExitStack

    def identify(self, user_id: str) -> None:
        """Say whose request it is. Raises `TooManyRequests`."""
        self.held.enter_context(_by_user.one_of(user_id))
        if self.ticket is not None:
            _turns.identify(self.ticket, user_id)


_admitted: ContextVar[Admitted | None] = ContextVar("admitted", default=None)


@contextmanager
def admitted(*, may_write: bool) -> Iterator[Admitted]:
    """Answer a request inside. One that `may_write` has its place in the order of its user's writes from now on.

    Raises `Unavailable` where there are too many already.
    """
    with new_budget(), CROWD.joined(), _admitted_once(may_write=may_write) as request:
        yield request


@contextmanager
def _admitted_once(*, may_write: bool) -> Iterator[Admitted]:
    with ExitStack() as held:
        request = Admitted(_turns.arrive() if may_write else None, held)
        held.callback(_admitted.reset, _admitted.set(request))
        if request.ticket is not None:
            held.callback(_turns.leave, request.ticket)
        yield request


@contextmanager
def turn(user_id: str, deadline: float) -> Iterator[None]:
    """Write for a user inside, when it is the request's turn. Raises `TooManyRequests` at the monotonic `deadline`."""
    request = _admitted.get()
    if request and request.ticket and request.ticket.user_id == user_id:
        with _turns.turn(request.ticket, deadline):
            yield
        return
    ticket = _turns.arrive()
    try:
        _turns.identify(ticket, user_id)
        with _turns.turn(ticket, deadline):
            yield
    finally:
        _turns.leave(ticket)


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
    request.held.callback(room.leave, size)
    note_wait(time.monotonic() - began)
