"""A Citus cluster of one test process: a coordinator and workers on this machine, from the Postgres that has Citus."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql

from dev.harness.postgres import SPEED_OVER_SAFETY, free_port, memory_folder
from dev.local_postgres import OWNER, SUPERUSER

NO_CITUS = "no Postgres on this machine has Citus (there is no citus.control)"
HOST = "127.0.0.1"
MAINTENANCE = "postgres"
"""The database in which the nodes know each other; those of tests have the same list of nodes."""

_INSTALLATIONS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_SERVER_USERS = ("postgres", "pgserver", "nobody")
_SETTINGS = SPEED_OVER_SAFETY | {
    "shared_preload_libraries": "citus",
    "wal_level": "logical",  # a shard that is written to moves by logical replication
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_prepared_transactions": "200",
    "max_worker_processes": "64",
    "password_encryption": "md5",  # cheap logins: nodes log in to each other for every new connection
    "citus.node_conninfo": "sslmode=disable",
}


@cache
def citus_binaries() -> Path | None:
    """The folder of the programs of the newest Postgres that has Citus; None where there is none."""
    folders = [folder for pattern in _INSTALLATIONS for folder in Path("/").glob(pattern.lstrip("/"))]
    if found := shutil.which("pg_config"):
        folders.append(Path(found).resolve().parent)
    having = [folder for folder in folders if (folder / "pg_config").exists() and _has_citus(folder)]
    return max(having, key=lambda folder: _asked(folder, "--version"), default=None)


def _has_citus(folder: Path) -> bool:
    return Path(_asked(folder, "--sharedir"), "extension", "citus.control").is_file()


def _asked(folder: Path, name: str) -> str:
    return subprocess.run([folder / "pg_config", name], capture_output=True, text=True, check=True).stdout.strip()


@dataclass
class Node:
    """One Postgres server with Citus, for this machine alone."""

    data: Path
    password: str
    port: int = field(default_factory=free_port)

    def url(self, database: str = MAINTENANCE, user: str = SUPERUSER) -> str:
        """The URL of a database, by default for the superuser."""
        return f"postgresql://{user}:{self.password}@{HOST}:{self.port}/{database}"

    def connect(self, database: str = MAINTENANCE, user: str = SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        """A connection in autocommit."""
        return psycopg.connect(self.url(database, user), autocommit=True)

    def start(self) -> None:
        """Make the data folder, and start the server on it."""
        secret = _private_file(self.data.parent / f"{self.data.name}.password", self.password)
        access = ("-U", SUPERUSER, "--auth-local=reject", "--auth-host=md5", f"--pwfile={secret}")
        _run("initdb", "-D", str(self.data), "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8", *access)
        where = {"listen_addresses": HOST, "port": str(self.port), "unix_socket_directories": ""}
        options = " ".join(f"--{name}={value}" for name, value in {**where, **_SETTINGS}.items())
        log = self.data.parent / f"{self.data.name}.log"
        _run("pg_ctl", "-w", "-t", "60", "-D", str(self.data), "-l", str(log), "-o", options, "start")
        with self.connect() as connection:
            connection.execute("CREATE EXTENSION citus")
            for role, attributes in ROLES.items():
                connection.execute("SET citus.enable_create_role_propagation = off")
                connection.execute(
                    sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
                        sql.Identifier(role), sql.SQL(attributes), sql.Literal(self.password)
                    )
                )

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if (self.data / "postmaster.pid").exists():
            _run("pg_ctl", "-w", "-D", str(self.data), "-m", "immediate", "stop")


ROLES = {OWNER: "LOGIN CREATEDB CREATEROLE"}


@dataclass
class Cluster:
    """Nodes, the coordinator first, which know each other in `MAINTENANCE`."""

    folder: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    nodes: list[Node] = field(default_factory=list)

    @property
    def coordinator(self) -> Node:
        """Where the functions connect to."""
        return self.nodes[0]

    def start_node(self) -> Node:
        """Start one more server, which no database's list of nodes has yet."""
        node = Node(self.folder / f"node{len(self.nodes)}", self.password)
        node.start()
        self.nodes.append(node)
        return node

    def introduce(self, database: str) -> None:
        """Let the nodes of a database know each other; it has to be there on each, with the extension."""
        with self.coordinator.connect(database) as connection:
            connection.execute("SELECT citus_set_coordinator_host(%s, %s)", [HOST, self.coordinator.port])
            for worker in self.nodes[1:]:
                connection.execute("SELECT citus_add_node(%s, %s)", [HOST, worker.port])


@contextmanager
def citus_cluster(workers: int = 2) -> Iterator[Cluster]:
    """Start a cluster in a temporary folder that disappears with it."""
    folder = Path(tempfile.mkdtemp(prefix="onboarding-citus-", dir=memory_folder()))
    _give_to_server_user(folder)
    cluster = Cluster(folder)
    # The nodes log in to each other: libpq reads the password here.
    _private_file(folder / "pgpass", f"*:*:*:*:{cluster.password}")
    try:
        for _ in range(workers + 1):
            cluster.start_node()
        cluster.introduce(MAINTENANCE)
        yield cluster
    finally:
        for node in cluster.nodes:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: str, *arguments: str) -> None:
    """Run a program of that Postgres, as another user when we are root, since Postgres refuses to run as root."""
    folder = citus_binaries()
    assert folder is not None, NO_CITUS
    user = _server_user()
    passwords = Path(arguments[arguments.index("-D") + 1]).parent / "pgpass"
    with tempfile.TemporaryFile() as output:  # a server started by pg_ctl keeps a pipe open for as long as it lives
        done = subprocess.run(
            [folder / program, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**os.environ, "PGPASSFILE": str(passwords)},
            user=user,
            group=user and pwd.getpwnam(user).pw_gid,
            extra_groups=user and [],
        )
        if done.returncode:
            output.seek(0)
            raise AssertionError(f"{program} failed: {output.read().decode(errors='replace')}")


def _server_user() -> str | None:
    if os.geteuid() != 0:
        return None
    return next(entry.pw_name for name in _SERVER_USERS for entry in pwd.getpwall() if entry.pw_name == name)


def _private_file(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    _give_to_server_user(path)
    return path


def _give_to_server_user(path: Path) -> None:
    if user := _server_user():
        shutil.chown(path, user)
