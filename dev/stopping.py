"""Ctrl-C, and what else asks a command to stop: one KeyboardInterrupt, which cleaning up is spared."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells give it."""


def interrupt_on_stop_signals() -> None:
    """Raise KeyboardInterrupt from now on. For SIGINT too: a shell starts background jobs with it ignored."""
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)


def ignore_stop_signals() -> None:
    """Take no notice from now on."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let an interrupt wait for the end of what must not be left half done, such as starting a child."""
    if threading.current_thread() is not threading.main_thread():  # where none arrives
        yield
        return
    received = list[int]()
    before = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
