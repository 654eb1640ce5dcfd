"""`make dev`: Postgres, migrations, keys and every function on http://localhost:3000, reloaded on change.

This process keeps the database and the listening socket; gunicorn serves on it and reloads when a file changes.
Requests wait meanwhile, none is refused.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
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

POLL_INTERVAL = 0.5  # seconds
GRACE = 10  # seconds
BACKLOG = 512
GUNICORN = (sys.executable, "-m", "gunicorn", "serving.wsgi:app", "--config", "python:dev.gunicorn_config")
type Snapshot = dict[Path, int]


class PortError(Exception):
    """The port cannot be had. The message is one line that says what to do."""


def main() -> int:
    """Serve until interrupted, and return the exit code."""
    # SIGINT too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            listening = stack.enter_context(listen(os.environ.get("PORT", "3000")))
            url = stack.enter_context(migrated_development_database())
            stack.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)  # cleaning up is not interrupted
            print(banner(listening.getsockname()[1]), flush=True)
            serve(listening, {**without_settings(os.environ), **development_environment(url)})
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


def serve(listening: socket.socket, environ: Mapping[str, str]) -> NoReturn:
    """Serve, and start again after a failure once a file changes: most likely the change that mends it."""
    while True:
        before = snapshot()
        watched = chain.from_iterable(("--reload-extra-file", str(file)) for file in before)
        with serving_child(listening, environ, "--reload", *watched) as child:
            child.wait()
            print("The server stopped: it starts again when a file changes.", file=sys.stderr, flush=True)
            while snapshot() == before:
                time.sleep(POLL_INTERVAL)


@contextmanager
def serving_child(
    listening: socket.socket, environ: Mapping[str, str], *options: str, log: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run gunicorn on the socket. It leads a session of its own, so that Ctrl-C reaches this process alone.

    Its log goes to `log`, or to the terminal.
    """
    descriptor = listening.fileno()
    child = subprocess.Popen(
        [*GUNICORN, "--bind", f"fd://{descriptor}", *options],
        cwd=ROOT,
        env=dict(environ),
        pass_fds=[descriptor],
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _stop(child)


def snapshot(root: Path = ROOT) -> Snapshot:
    """When each source file last changed, in nanoseconds."""
    folders = (root / name for name in ("api", "lib", "serving"))
    files = [root / "vercel.json", *chain.from_iterable(folder.rglob("*.py") for folder in folders)]
    return {file: modified for file in files if (modified := _modified(file)) is not None}


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


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Let the child finish the requests that are under way, within GRACE seconds."""
    child.terminate()
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _modified(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
