"""A throw-away Postgres of one test process, with the schema that the real migrations make."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.local_postgres import LocalPostgres
from dev.settings import ROOT, without_settings

SPEED_OVER_SAFETY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_size": "256MB",
    "max_wal_senders": "0",
    "max_connections": "300",
}

MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
ENOUGH_MEMORY = 4 * 1024**3  # bytes, for the servers of eight test processes

# Runs when its standard input closes, which a killed test process cannot prevent: nothing is ever left running.
CLEANER = """
cat >/dev/null
pid_file=$1/data/postmaster.pid
if pid=$(head -n 1 "$pid_file" 2>/dev/null); then
    kill -QUIT "$pid" 2>/dev/null
    tries=0
    while [ -e "$pid_file" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
fi
rm -rf "$1"
"""


@contextmanager
def throwaway_postgres(*, in_memory: bool = False) -> Iterator[LocalPostgres]:
    """Start a server on 127.0.0.1 with a password, in a temporary folder that disappears with it.

    `in_memory` puts the folder into memory where there is room, for small databases.
    """
    folder = Path(tempfile.mkdtemp(prefix="onboarding-tests-", dir=memory_folder() if in_memory else None))
    cleaner = subprocess.Popen(
        ["/bin/sh", "-c", CLEANER, "cleaner", str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    server = LocalPostgres(folder / "data", free_port(), secrets.token_urlsafe(12), SPEED_OVER_SAFETY)
    try:
        server.start()
        yield server
    finally:
        cleaner.communicate()


def memory_folder() -> Path | None:
    """A large enough file system in memory, or None. Copying a database there takes a tenth of the time."""
    is_large = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY
    return MEMORY if is_large and os.access(MEMORY, os.W_OK) else None


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def alembic(
    database_url: str, *arguments: str, check: bool = True, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run the real `alembic` of a project on a database, in a process of its own. Its output is in the error."""
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", *arguments]
    environ = {**without_settings(os.environ), "DATABASE_URL": database_url}
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(
            f"alembic {' '.join(arguments)} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done
