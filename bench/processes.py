"""Boots a function under the platform's runtime and reads its processor time."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.deployments import PYTHON, Deployed
from bench.load import Caller
from dev.harness.vercel.runtime import BOOT_TIMEOUT, TRAMPOLINE, Messages, listening
from dev.harness.waiting import wait_until

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """A function that serves on `port`."""

    port: int
    pid: int

    def cpu(self, *, kernel: bool = True) -> float:
        """Seconds of processor time so far, threads that ended included; without the kernel's share if not `kernel`."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + (int(fields[12]) if kernel else 0)) / TICKS

    def cpu_of(self, caller: Caller, requests: int, *, kernel: bool = True) -> float:
        """Processor milliseconds that one of so many requests took."""
        before = self.cpu(kernel=kernel)
        for _ in range(requests):
            caller.on(self.port).call()
        return (self.cpu(kernel=kernel) - before) / requests * 1000


@dataclass(frozen=True)
class ColdStart:
    """Milliseconds, of the processor and of the clock, and MiB of a process from its beginning to a certain moment."""

    cpu_ms: float
    wall_ms: float
    memory_mib: float


@contextmanager
def running(function: Deployed, variables: Mapping[str, str]) -> Iterator[Running]:
    """Serve while in use."""
    with _booting(function, variables) as (child, messages):
        yield Running(_port(child, messages), child.pid)
        child.kill()


def cold_start(function: Deployed, variables: Mapping[str, str], first: Caller | None = None) -> ColdStart:
    """Boot once, up to `server-started` or, with `first`, up to the answer of that request."""
    began = time.perf_counter()
    with _booting(function, variables) as (child, messages):
        port = _port(child, messages)
        if first is not None:
            first.on(port).call()
        wall = time.perf_counter() - began
        memory = _peak_mib(child.pid)
        child.kill()
        _, _, used = os.wait4(child.pid, 0)
        child.returncode = -signal.SIGKILL
    return ColdStart((used.ru_utime + used.ru_stime) * 1000, wall * 1000, memory)


def _peak_mib(pid: int) -> float:
    """What it held at most; the peak that wait4 gives is the parent's, which the child was for a moment."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def _booting(function: Deployed, variables: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], Messages]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, listening(Path(folder) / "ipc") as (path, messages):
        environ = {
            "PATH": os.defpath,
            "VERCEL": "1",
            "VERCEL_IPC_PATH": str(path),
            **function.environment,
            "PYTHONDONTWRITEBYTECODE": "1",  # the platform's file system is read-only
            **variables,
        }
        child = subprocess.Popen(
            [PYTHON, "-c", TRAMPOLINE],
            cwd=function.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield child, messages
        finally:
            if child.returncode is None:
                child.kill()
                child.wait()


def _port(child: subprocess.Popen[bytes], messages: Messages) -> int:
    def started() -> list[dict[str, int]]:
        if child.poll() is not None:
            raise RuntimeError(f"the function exited with {child.returncode}: {messages.log}")
        return messages.of_type("server-started")

    return wait_until(started, timeout=BOOT_TIMEOUT)[0]["httpPort"]
