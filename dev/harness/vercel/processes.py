"""Child processes of a test: each in a session of its own, with a log file, and all of it killed at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dev.harness.waiting import wait_until


@contextmanager
def running(
    command: Sequence[str | Path], *, cwd: Path, environ: Mapping[str, str], log: Path, user: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while in use; with `user`, as that numeric user and group and no other."""
    with open(log, "wb") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # also reaches children that the CLI has stopped with SIGSTOP
        child.wait()


def wait_for_port(port: int, child: subprocess.Popen[bytes], log: Path, *, timeout: float) -> None:
    """Wait until a port of 127.0.0.1 accepts. Raises AssertionError, with the log, when the child ends first."""

    def accepts() -> bool:
        if child.poll() is not None:
            raise AssertionError(f"{child.args!r} exited with {child.returncode}:\n{log.read_text(errors='replace')}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    wait_until(accepts, timeout=timeout)
