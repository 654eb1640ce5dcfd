"""`make dev`: Postgres, migrations, keys and every function on http://localhost:3000, reloaded on change.

This process keeps the database and the listening socket; gunicorn serves on that socket (dev.gunicorn_config).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import IO, NoReturn

from dev.database import migrated_development_database
from dev.local_postgres import LocalPostgresError
from dev.settings import (
    ROOT,
    SAMPLE_USER,
    development_environment,
    development_key,
    session_claims,
    without_settings,
)

STOP_TIMEOUT = 10  # seconds; gunicorn itself ends its workers sooner
BACKLOG = 512
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class PortError(Exception):
    """The port cannot be used. The message is one line that says what to do."""


def main() -> int:
    """Serve until interrupted, and return the exit code."""
    for number in STOP_SIGNALS:  # SIGINT too: a shell starts background jobs with it ignored
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            listening = stack.enter_context(listen(os.environ.get("PORT", "3000")))
            url = stack.enter_context(migrated_development_database())
            print(banner(listening.getsockname()[1]), flush=True)
            environ = {**without_settings(os.environ), **development_environment(url)}
            server = stack.enter_context(serving_child(listening, environ))
            stack.callback(_ignore_stop_signals)  # cleaning up is not interrupted
            print(f"The server stopped with exit code {server.wait()}.", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    except (PortError, LocalPostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def listen(port: str) -> socket.socket:
    """Listen on a port of this machine alone. Raises PortError."""
    try:
        return socket.create_server(("127.0.0.1", int(port)), backlog=BACKLOG)
    except (ValueError, OverflowError) as error:
        raise PortError(f"PORT={port} is not a port number: try PORT=3001 make dev") from error
    except OSError as error:
        other = int(port) + 1 if 1024 <= int(port) < 65535 else 3001
        why = "may not be used" if isinstance(error, PermissionError) else "is taken"
        raise PortError(
            f"Port {port} {why}: stop what runs there, or choose another, for example PORT={other} make dev"
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


def banner(port: int) -> str:
    """What a person needs to begin: the URL, a token and three commands to paste."""
    token = development_key().sign(session_claims(SAMPLE_USER))
    url, bearer = f"http://localhost:{port}", f"-H 'Authorization: Bearer {token}'"
    body = '{"provider": "gemini", "api_key": "AIzaSyA-sample-key-for-development"}'
    return f"""
Onboarding API on {url}    (Ctrl-C stops it)

Bearer token of {SAMPLE_USER}, for 12 hours (another user: make token USER=user_2abc):

{token}

Three commands to try:

curl {url}/api/health

curl {url}/api/onboarding/api-keys {bearer} -H 'Content-Type: application/json' -d '{body}'

curl {url}/api/onboarding/summary {bearer}
"""


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Let gunicorn finish the requests under way, and kill whatever is left after STOP_TIMEOUT seconds."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_TIMEOUT)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _ignore_stop_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
