"""Requests, each answered by a process of its own that dies at a given moment: `python -m tests.support.dying`.

Reads lines of `{"request": [method, path, body], "token": …, "dies": …, "environ": …}`; to each it writes a line of
`[exit code, status]`, the code negative for a signal, the status null where the process did not live to answer.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from psycopg.pq.abc import PGconn

import lib.db
import lib.http
import lib.steps
from dev.harness.in_process import InProcess
from lib.db import pipeline
from lib.db.engine import Connection
from lib.http.endpoints import relay
from serving.wsgi import app

MOMENTS = ("once the AI backend has answered", "before the write", "in the write", "after the write", "never")
"""When the process may die, in the order in which the moments come."""


def main() -> int:
    """Start a process for each line, and wait for its end."""
    assert app is not None  # imported once, before the processes part, and so is what a request imports
    for package in (lib.db, lib.http, lib.steps):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(_outcome(json.loads(line)))}\n")
        sys.stdout.flush()
    return 0


def _outcome(asked: Mapping[str, Any]) -> tuple[int, int | None]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.environ.clear()
            os.environ.update(asked["environ"])
            os.write(writer, b"%d" % _status(asked))
            code = 0
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
        os._exit(code)
    os.close(writer)
    with open(reader, "rb") as answered:
        status = answered.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), int(status) if status else None


def _status(asked: Mapping[str, Any]) -> int:
    """Answer the request, dying at the moment asked for."""
    moments: dict[str, Callable[[], None]] = {
        "once the AI backend has answered": lambda: _after(relay, "ask"),
        "before the write": lambda: _before(Connection, "exchange"),
        "in the write": _in_the_write,
        "after the write": lambda: _after(Connection, "exchange"),
        "never": lambda: None,
    }
    moments[asked["dies"]]()
    method, path, body = asked["request"]
    calls = InProcess("", 0, lambda _user: asked["token"])
    return calls.request(method, path, user="", json=body).status


def _in_the_write() -> None:
    """Die once the statements are with the server, and what commits them is not."""
    send, left = pipeline._sent, [2]  # a connection's first exchange reads the server's clock

    def dying(pgconn: PGconn, *arguments: Any) -> Any:
        expected = send(pgconn, *arguments)
        left[0] -= 1
        if not left[0]:
            while pgconn.flush():
                pass
            _die()
        return expected

    setattr(pipeline, "_sent", dying)  # noqa: B010 - a plain assignment would need the whole signature


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str) -> None:
    """Die in place of a function's first call."""

    def dying(*_arguments: Any, **_named: Any) -> None:
        _die()

    setattr(owner, name, dying)


def _after(owner: Any, name: str) -> None:
    """Die once a function has returned."""
    run: Callable[..., Any] = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> None:
        run(*arguments, **named)
        _die()

    setattr(owner, name, dying)


if __name__ == "__main__":
    sys.exit(main())
