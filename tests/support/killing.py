"""Runs a script's `main` in a process of its own and kills it with SIGKILL at a given moment."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import selectors
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_PROCESSES = multiprocessing.get_context("forkserver")
# A child runs the main script anew, which is pytest's and would import it each time.
_PROCESSES.set_forkserver_preload(["pytest", "scripts.migrate_user_id_to_string", "scripts.import_legacy", __name__])


@dataclass(frozen=True)
class Run:
    """How a process ended: its exit code (negative: the signal), what it printed, how long it took in seconds."""

    exit_code: int | None
    output: str
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it, not its own end."""
        return self.exit_code == -signal.SIGKILL


@dataclass
class Kills:
    """Where the kills of a series landed, by the last line that the process had printed."""

    by_phase: Counter[str] = field(default_factory=Counter)
    too_late: int = 0

    def note(self, run: Run) -> None:
        """Count a run; one that was over before the kill does not count as killed."""
        if not run.killed:
            self.too_late += 1
        elif run.output:
            self.by_phase[run.output.splitlines()[-1].split(":")[0]] += 1

    @property
    def inside(self) -> int:
        """Kills that hit after the first line and before the end."""
        return self.by_phase.total()


def run_main(module: str, arguments: Sequence[str], kill_after: float | None = None, **environ: str) -> Run:
    """Run `module.main(arguments)`; kill it `kill_after` seconds behind its first line of output, if given."""
    reader, writer = os.pipe()
    with open(writer, "wb") as output:
        process = _PROCESSES.Process(target=_child, args=(module, list(arguments), _Fd(output.fileno()), environ))
        process.start()
    text, seconds = _read(reader, process, kill_after)
    process.join()
    return Run(process.exitcode, text, seconds)


def kill_repeatedly(run: Callable[[float | None], Run], check: Callable[[], object], kills: int) -> Kills:
    """Call `run` with random moments until `kills` of them landed inside the work; `check` after each."""
    duration = run(None).seconds
    series, moments = Kills(), random.Random(20261122)  # noqa: S311 - the same moments each time
    check()
    while series.inside < kills:
        assert series.too_late < 4 * kills, f"the work is too short to be killed: {duration} s"
        done = run(moments.uniform(0, duration))
        # A run that goes on where the last one was killed takes less long, and a busy machine makes all of them longer.
        duration *= 1.05 if done.killed else 0.8
        series.note(done)
        check()
    return series


class _Fd:
    """A file descriptor that reaches the child through the fork server."""

    def __init__(self, number: int) -> None:
        self.duplicate = multiprocessing.reduction.DupFd(number)


def _child(module: str, arguments: list[str], output: _Fd, environ: dict[str, str]) -> None:
    os.environ.update(environ)
    descriptor = output.duplicate.detach()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.exit(importlib.import_module(module).main(arguments))


def _read(reader: int, process: multiprocessing.process.BaseProcess, kill_after: float | None) -> tuple[str, float]:
    started, chunks = time.monotonic(), list[bytes]()
    deadline: float | None = None
    with open(reader, "rb", buffering=0) as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not selector.select(wait):
                process.kill()
                deadline = None
                continue
            chunk = pipe.read(65536)
            if not chunk:
                return b"".join(chunks).decode(), time.monotonic() - started
            if len(chunks) == 0:
                started = time.monotonic()
                deadline = None if kill_after is None else started + kill_after
            chunks.append(chunk)
