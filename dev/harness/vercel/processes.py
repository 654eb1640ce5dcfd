"""Child processes, each in a session of its own, all of which is killed at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dev.harness.waiting import wait_until
from dev.stopping import interrupts_held


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    log: Path | None = None,
    user: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while in use; its output goes to `log`, or to the terminal.

    With `user`, run as that numeric user and group and no other. An interrupt leaves nothing running.
    """
    with ExitStack() as stack:
        output = stack.enter_context(open(log, "wb")) if log else None
        with interrupts_held():
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
            stack.callback(_kill_session, child)
        yield child


def wait_for_port(port: int, child: subprocess.Popen[bytes], log: Path | None = None, *, timeout: float) -> None:
    """Wait until a port of 127.0.0.1 accepts. Raises AssertionError, with the log, when the child ends first."""

    def accepts() -> bool:
        if child.poll() is not None:
            said = log.read_text(errors="replace") if log else ""
            raise AssertionError(f"{child.args!r} exited with {child.returncode}:\n{said}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    wait_until(accepts, timeout=timeout)


def _kill_session(leader: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)  # also reaches children that the CLI has stopped with SIGSTOP
    leader.wait()
