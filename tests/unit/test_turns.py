from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.harness.waiting import wait_until
from lib.db.slots import Overloaded, Slots
from lib.errors import TooManyRequests
from lib.http.body_room import Room
from lib.http.turns import MOST_AT_ONCE, MOST_WAITING, Ticket, Turns

USER = "user_2turns"
LONG = 30  # seconds, only when it fails


def soon() -> float:
    """A deadline that a test does not reach."""
    return time.monotonic() + LONG


def arrived(turns: Turns, user: str = USER) -> Ticket:
    """A request whose user is known."""
    ticket = turns.arrive()
    turns.identify(ticket, user)
    return ticket


def test_writes_happen_in_order_of_arrival_whichever_is_ready_first() -> None:
    """The one that arrived last is ready first, and writes last."""
    turns, order = Turns(), list[int]()
    tickets = [arrived(turns) for _ in range(MOST_AT_ONCE + MOST_WAITING)]
    with ThreadPoolExecutor(len(tickets)) as pool:

        def write(number: int) -> None:
            with turns.turn(tickets[number], soon()):
                order.append(number)

        with turns.turn(tickets[0], soon()):
            jobs = []
            for number in range(len(tickets) - 1, 0, -1):
                jobs.append(pool.submit(write, number))
                wait_until(lambda number=number: tickets[number].is_waiting)  # type: ignore[misc] # a default binds it
        for job in jobs:
            job.result()
    assert order == list(range(1, len(tickets)))


def test_a_write_waits_for_an_earlier_one_whose_user_is_not_known_yet() -> None:
    """A token that takes longer to verify does not put its request behind a later one."""
    turns, order = Turns(), list[str]()
    early, late = turns.arrive(), arrived(turns)

    def write(name: str, ticket: Ticket) -> None:
        with turns.turn(ticket, soon()):
            order.append(name)

    thread = threading.Thread(target=write, args=("late", late))
    thread.start()
    wait_until(lambda: late.is_waiting)
    turns.identify(early, USER)
    write("early", early)
    thread.join()
    assert order == ["early", "late"]


def test_an_earlier_request_that_does_not_get_ready_is_not_waited_for_long() -> None:
    """A body that never arrives holds up its user's other writes for a moment only."""
    turns = Turns()
    arrived(turns)
    with turns.turn(arrived(turns), soon()):
        pass


def test_users_do_not_wait_for_each_other() -> None:
    """Nor does a user who has left leave anything behind."""
    turns = Turns()
    with turns.turn(arrived(turns, "user_2one"), soon()), turns.turn(arrived(turns, "user_2two"), soon()):
        pass
    assert turns._queues == {}


def test_one_more_than_may_wait_is_refused_at_once_and_takes_no_place() -> None:
    """When one leaves, the next one is taken."""
    turns = Turns()
    tickets = [arrived(turns) for _ in range(MOST_AT_ONCE + MOST_WAITING)]
    with pytest.raises(TooManyRequests):
        arrived(turns)
    arrived(turns, "user_2other")
    turns.leave(tickets[3])
    arrived(turns)


def test_one_that_waits_out_its_time_is_refused_and_the_next_one_goes_on() -> None:
    """What it waited for goes on undisturbed."""
    turns = Turns()
    first, second, third = (arrived(turns) for _ in range(3))
    with turns.turn(first, soon()):
        with pytest.raises(TooManyRequests), turns.turn(second, time.monotonic() + 0.05):
            pass
        turns.leave(second)
    turns.leave(first)
    with turns.turn(third, soon()):
        pass


def test_slots_are_handed_over_in_order_of_arrival() -> None:
    """A newcomer does not overtake whoever waits."""
    slots, order = Slots(1), list[int]()
    with ThreadPoolExecutor(10) as pool:

        def use(number: int) -> None:
            with slots.slot(soon()):
                order.append(number)

        with slots.slot(soon()):
            jobs = []
            for number in range(10):
                jobs.append(pool.submit(use, number))
                wait_until(lambda number=number: slots.waiting == number + 1)  # type: ignore[misc] # a default binds it
        for job in jobs:
            job.result()
    assert order == list(range(10))


def test_a_slot_is_refused_at_once_where_waiting_would_be_in_vain() -> None:
    """Uses took long so far, so the wait would outlast the deadline; after a timeout the slot is free again."""
    slots = Slots(1)
    slots._mean_use_s = 10.0
    with slots.slot(soon()):
        began = time.monotonic()
        with pytest.raises(Overloaded), slots.slot(began + 5):
            pass
        assert time.monotonic() - began < 1
        slots._mean_use_s = 0.0
        with pytest.raises(Overloaded), slots.slot(time.monotonic() + 0.05):
            pass
    with slots.slot(time.monotonic() + 0.05):
        pass


def test_a_room_holds_no_more_than_its_size() -> None:
    """Whoever does not fit waits, and gets in once there is room."""
    room = Room(10)
    assert room.enter(6, 0)
    assert not room.enter(5, 0.05)
    assert room.enter(4, 0)
    room.leave(6)
    assert room.enter(5, LONG)
