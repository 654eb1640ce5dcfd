from __future__ import annotations

import os
import signal
import threading

import pytest

from dev.stopping import STOP_SIGNALS, interrupts_held


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_an_interrupt_waits_for_what_must_not_be_left_half_done(number: signal.Signals) -> None:
    """A child that is being started is known before anything is raised, and the usual handlers are back then."""
    before = [signal.getsignal(each) for each in STOP_SIGNALS]
    done = list[str]()

    def start() -> None:
        with interrupts_held():
            os.kill(os.getpid(), number)
            done.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["started"]
    assert [signal.getsignal(each) for each in STOP_SIGNALS] == before


def test_another_thread_holds_nothing() -> None:
    """Python gives interrupts to the main thread alone."""
    done = list[str]()

    def start() -> None:
        with interrupts_held():
            done.append("started")

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert done == ["started"]
