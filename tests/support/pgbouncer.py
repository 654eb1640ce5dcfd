"""PgBouncer in transaction mode before a test's database, as hosted Postgres puts it there."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from dev.harness.postgres import free_port
from dev.harness.waiting import wait_until

SERVER_CONNECTIONS = 10
ON_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "pgbouncer")
INSTALL_TIMEOUT = 300  # seconds

CONFIGURATION = """
[databases]
{database} = host={host} port={server_port} dbname={database} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {server_connections}
max_client_conn = 1000
"""


def find_pgbouncer() -> str | None:
    """Where the program is. As root, on a system that has apt-get, it is installed when it is not there."""
    with open(Path(tempfile.gettempdir()) / "onboarding-pgbouncer.lock", "a") as lock, suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)  # xdist workers come at once
        if shutil.which("pgbouncer", path=ON_PATH) is None and os.geteuid() == 0 and shutil.which("apt-get"):
            environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "update", "--quiet"], check=False, capture_output=True, timeout=INSTALL_TIMEOUT)
            subprocess.run(INSTALL, check=False, capture_output=True, env=environ, timeout=INSTALL_TIMEOUT)
    return shutil.which("pgbouncer", path=ON_PATH)


@contextmanager
def pgbouncer(program: str, database_url: str, server_connections: int = SERVER_CONNECTIONS) -> Iterator[str]:
    """Run it, as an unprivileged user, while in use, and give the URL that leads through it."""
    parts, port = urlsplit(database_url), free_port()
    database = parts.path.lstrip("/")
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        configuration = CONFIGURATION.format(
            database=database,
            host=parts.hostname,
            server_port=parts.port,
            user=parts.username,
            password=unquote(parts.password or ""),
            port=port,
            server_connections=server_connections,
        )
        (folder / "pgbouncer.ini").write_text(configuration)
        with open(folder / "log", "wb") as log:
            user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
            child = subprocess.Popen(
                [program, folder / "pgbouncer.ini"], cwd="/", stdout=log, stderr=log, user=user, group=user
            )
        url = f"postgresql://{parts.username}@127.0.0.1:{port}/{database}"
        try:
            wait_until(lambda: _answers(url, child, folder / "log"))
            yield url
        finally:
            child.kill()
            child.wait()


def _answers(url: str, child: subprocess.Popen[bytes], log: Path) -> bool:
    if child.poll() is not None:
        raise AssertionError(f"pgbouncer exited with {child.returncode}:\n{log.read_text()}")
    with suppress(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=5).close()
        return True
    return False
