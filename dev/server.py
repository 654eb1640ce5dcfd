"""`make dev`: Postgres, migrations, keys, a sample AI backend and every function on one port, reloaded on change.

This process keeps the database, the AI backend and the listening socket; gunicorn serves on that socket
(dev.gunicorn_config).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

if __name__ == "__main__":  # the imports below take seconds: until main, Ctrl-C ends us without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from dev.banner import banner
from dev.choices import ChoiceError, Choices
from dev.environment import development
from dev.local_postgres import LocalPostgresError
from dev.settings import DEFAULT_PORT, ROOT, KeyFolderError, chosen_port, without_settings
from dev.stopping import ignore_stop_signals, interrupt_on_stop_signals
from dev.validation import validated

STOP_TIMEOUT = 10  # seconds; gunicorn itself ends its workers sooner
BACKLOG = 512


class PortError(Exception):
    """The port cannot be used. The message is one line that says what to do."""


def main() -> int:
    """Serve until interrupted, and return the exit code."""
    try:
        interrupt_on_stop_signals()
        with ExitStack() as stack:
            listening = stack.enter_context(listen(chosen_port()))
            environment = stack.enter_context(development(validated(Choices.read())))
            url = f"http://localhost:{listening.getsockname()[1]}"
            print(banner(url, environment.facts, has_own_clerk=environment.token is None), flush=True)
            environ = {**without_settings(os.environ), **environment.variables}
            server = stack.enter_context(serving_child(listening, environ))
            stack.callback(ignore_stop_signals)  # cleaning up is not interrupted
            print(f"The server stopped with exit code {server.wait()}.", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    except (PortError, ChoiceError, LocalPostgresError, KeyFolderError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def listen(port: str, *, target: str = "dev") -> socket.socket:
    """Listen on a port of this machine alone, for a target of make. Raises PortError."""
    spare = DEFAULT_PORT + 1
    try:
        return socket.create_server(("127.0.0.1", int(port)), backlog=BACKLOG)
    except (ValueError, OverflowError) as error:
        raise PortError(f"PORT={port} is not a port number: try PORT={spare} make {target}") from error
    except OSError as error:
        other = int(port) + 1 if 1024 <= int(port) < 65535 else spare
        why = "may not be used" if isinstance(error, PermissionError) else "is taken"
        raise PortError(
            f"Port {port} {why}: stop what runs there, or choose another, for example PORT={other} make {target}"
        ) from error


@contextmanager
def serving_child(
    listening: socket.socket, environ: Mapping[str, str], *, log: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server of `make dev` on a listening socket. Its output goes to `log`, or to the terminal.

    It leads a session of its own, so that Ctrl-C reaches this process alone.
    """
    descriptor = listening.fileno()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:dev.gunicorn_config"]
    server = subprocess.Popen(
        [*command, "--bind", f"fd://{descriptor}"],
        cwd=ROOT,
        env=dict(environ),
        pass_fds=[descriptor],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let gunicorn finish the requests under way, and kill whatever is left after STOP_TIMEOUT seconds."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_TIMEOUT)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


if __name__ == "__main__":
    sys.exit(main())
