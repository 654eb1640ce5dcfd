"""Boots a built function the way the platform does: its files alone, read-only, an unprivileged user, the real runtime.

The runtime is the `vercel_runtime` that `vercel build` put into the bundle. It connects to a UNIX socket and sends
JSON messages that end in NUL; `server-started` tells the port on which it then serves HTTP.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dev.harness.vercel.build import BuiltFunction
from dev.harness.vercel.processes import running
from dev.harness.waiting import wait_until

UNPRIVILEGED = 64_321
"""A numeric user whom no machine knows, so that every file of his is a function's. Only root can become him."""
READ_AND_ENTER = 0o555
BOOT_TIMEOUT = 60  # seconds
WRITABLE_BY_ALL = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/run")))  # noqa: S108 - searched, not written
TRAMPOLINE = "import vc__handler__python"


@dataclass
class Messages:
    """What a function's process told the platform."""

    all: list[dict[str, Any]] = field(default_factory=list)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of one type, in their order."""
        return [message["payload"] for message in list(self.all) if message["type"] == kind]

    @property
    def log(self) -> str:
        """The text of all log messages."""
        return "\n".join(base64.b64decode(entry["message"]).decode() for entry in self.of_type("log"))


@dataclass(frozen=True)
class BootedFunction:
    """A function that serves HTTP on a port of 127.0.0.1."""

    function: BuiltFunction
    child: subprocess.Popen[bytes]
    messages: Messages
    log: Path

    @cached_property
    def port(self) -> int:
        """Wait until it serves. Raises AssertionError with its log when it does not come up."""
        port: int = wait_until(self._started, timeout=BOOT_TIMEOUT)[0]["httpPort"]
        return port

    def _started(self) -> list[dict[str, Any]]:
        if (code := self.child.poll()) is not None:
            raise AssertionError(f"the function exited with {code}:\n{self.log.read_text()}\n{self.messages.log}")
        return self.messages.of_type("server-started")


@dataclass(frozen=True)
class Host:
    """A machine in the part of Vercel's: an interpreter, a user, and folders for the functions and for what they write.

    `folder` is open to everybody; `home` and `temporary` belong to the user, and nothing else does.
    """

    folder: Path
    python: Path
    user: int | None

    @property
    def home(self) -> Path:
        """HOME of every function."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """TMPDIR of every function."""
        return self.folder / "tmp"

    def environment(self, function: BuiltFunction, **more: str) -> dict[str, str]:
        """What a function's process sees: what the build says, and a deployment's own variables."""
        system = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "VERCEL": "1", "VERCEL_ENV": "production"}
        places = {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LD_LIBRARY_PATH": str(self.library / "lib"),  # for a libpython that came along
        }
        return {**system, **places, **function.config["environment"], **more}

    @property
    def library(self) -> Path:
        """The interpreter's own folder."""
        return self.python.parent.parent

    def run(self, cwd: Path, arguments: Sequence[str], **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the interpreter to its end as a function's process would run."""
        minimal = {"HOME": str(self.home), "TMPDIR": str(self.temporary), "LD_LIBRARY_PATH": str(self.library / "lib")}
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env={**minimal, **environ},
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            capture_output=True,
            text=True,
            check=False,
        )

    def written_files(self) -> set[Path]:
        """Find every file that the functions' user owns in a folder where he may write.

        Where the functions run as ourselves, only their own HOME and TMPDIR can be told from what others write.
        """
        files = _files_below(self.home) | _files_below(self.temporary)
        for place in WRITABLE_BY_ALL if self.user is not None else ():
            files |= {file for file in _files_below(place, writable_by=self.user) if _status(file).st_uid == self.user}
        return files

    def lay_out(self, function: BuiltFunction) -> Path:
        """Put the function's files, and nothing else, into a folder of its own, and make it read-only."""
        task = self.folder / "task" / function.path.strip("/").replace("/", ".")
        if task.exists():
            return task
        for name, source in function.files.items():
            (task / name).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(source, task / name)
        make_read_only(task)
        return task

    @contextmanager
    def boot(self, function: BuiltFunction, variables: Mapping[str, str]) -> Iterator[BootedFunction]:
        """Run a function while in use. It may not have started yet: ask for its `port`."""
        task = self.lay_out(function)
        name = f"{len(os.listdir(self.folder))}"  # a socket's path must be short
        log = self.folder / f"{name}.log"
        with listening(self.folder / f"{name}.ipc") as (path, messages):
            environ = self.environment(function, VERCEL_IPC_PATH=str(path), **variables)
            with running([self.python, "-c", TRAMPOLINE], cwd=task, environ=environ, log=log, user=self.user) as child:
                yield BootedFunction(function, child, messages, log)


def make_host(folder: Path) -> Host:
    """Make an empty folder into a host. As root its functions run as UNPRIVILEGED, otherwise as ourselves."""
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    folder.chmod(0o755)
    host = Host(folder, _interpreter(folder, user), user)
    for place in (host.home, host.temporary):
        place.mkdir()
        if user is not None:
            os.chown(place, user, user)
    return host


def make_read_only(folder: Path) -> None:
    """Take every right to write below a folder, and let everybody read it."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(parent, name)
            os.chmod(path, READ_AND_ENTER if os.access(path, os.X_OK) else 0o444)
        os.chmod(parent, READ_AND_ENTER)


@contextmanager
def listening(path: Path) -> Iterator[tuple[Path, Messages]]:
    """Listen for one function's messages on a UNIX socket while in use."""
    messages = Messages()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        path.chmod(0o666)
        server.listen()
        reader = threading.Thread(target=_collect, args=(server, messages), daemon=True)
        reader.start()
        try:
            yield path, messages
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            reader.join()


def _files_below(folder: Path, *, writable_by: int | None = None) -> set[Path]:
    """All files; with `writable_by`, only in folders below in which this user may make one."""
    found = set[Path]()
    for parent, folders, names in os.walk(folder):
        found.update(Path(parent, name) for name in names)
        if writable_by is not None:
            folders[:] = [name for name in folders if _may_write(Path(parent, name), writable_by)]
    return found


def _may_write(folder: Path, user: int) -> bool:
    status = _status(folder)
    return bool(status.st_mode & stat.S_IWOTH) or status.st_uid == user


def _status(path: Path) -> os.stat_result:
    """What lstat says; of nothing, when it was deleted meanwhile."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return os.stat_result([0] * 10)


def _collect(server: socket.socket, messages: Messages) -> None:
    with suppress(OSError):
        connection, _ = server.accept()
        with connection:
            rest = b""
            while chunk := connection.recv(65536):
                *complete, rest = (rest + chunk).split(b"\0")
                messages.all.extend(json.loads(message) for message in complete)


def _interpreter(folder: Path, user: int | None) -> Path:
    """The Python below our virtual environment, or a copy of it where the user cannot reach that."""
    python = Path(os.path.realpath(sys.executable))
    if user is None or _runs(python, user):
        return python
    prefix = Path(sys.base_prefix)
    copy = folder / "python"
    ignore: Callable[..., set[str]] = shutil.ignore_patterns("site-packages", "test")
    library = f"python3.{sys.version_info.minor}"
    shutil.copytree(prefix / "lib" / library, copy / "lib" / library, ignore=ignore, copy_function=_link_or_copy)
    for shared in (prefix / "lib").glob("libpython*"):
        _link_or_copy(shared, copy / "lib" / shared.name)
    (copy / "bin").mkdir()
    _link_or_copy(python, copy / "bin" / "python3")
    return copy / "bin" / "python3"


def _runs(python: Path, user: int) -> bool:
    with suppress(OSError):
        done = subprocess.run([python, "-c", ""], user=user, group=user, extra_groups=[], cwd="/", env={}, check=False)
        return done.returncode == 0
    return False


def _link_or_copy(source: str | Path, target: str | Path) -> str:
    """Hard links make a layout of many thousand files a matter of a second; another file system needs copies."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy(source, target)
    return str(target)
