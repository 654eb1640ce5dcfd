"""One request, answered by a process that dies at a given moment: `python -m tests.support.dying`.

Reads `{"request": [method, path, body], "token": …, "dies": …}`; prints the status if it lives long enough to answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from dev.harness.in_process import InProcess
from lib.db.engine import Connection
from lib.http.endpoints import relay

MOMENTS = ("once the AI backend has answered", "before the write", "in the write", "after the write", "never")
"""When the process may die, in the order in which the moments come."""


def main() -> int:
    """Answer the request, dying at the moment asked for."""
    asked = json.load(sys.stdin)
    {
        "once the AI backend has answered": lambda: _after(relay, "ask"),
        "before the write": lambda: _before(Connection, "exchange"),
        "in the write": lambda: _before(Connection, "wait", calls=2),
        "after the write": lambda: _after(Connection, "exchange"),
        "never": lambda: None,
    }[asked["dies"]]()
    method, path, body = asked["request"]
    calls = InProcess("", 0, lambda _user: asked["token"])
    sys.stdout.write(f"{calls.request(method, path, user='', json=body).status}\n")
    return 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str, *, calls: int = 1) -> None:
    """Die in place of the given call of a function."""
    run: Callable[..., Any] = getattr(owner, name)
    left = [calls]

    def dying(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            _die()
        return run(*arguments, **named)

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
