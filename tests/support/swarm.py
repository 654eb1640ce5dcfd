"""Many instances of the project at once, each a process with a pool of its own: `python -m tests.support.swarm`.

Reads `{"instances": …, "requests": …, "threads": …, "tokens": {user: token}}` and writes a line for what went wrong.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dev.harness.in_process import InProcess
from dev.harness.wizard import complete_step
from lib import bootstrap
from lib.db.bound import Bound
from serving.wsgi import app

SCOPE: Bound[dict[str, Any]] = Bound(
    "SELECT current_setting('app.user_id', true) AS user_id, session_user = current_user AS is_login", {}
)


def main() -> int:
    """Run all instances and wait for them."""
    asked = json.load(sys.stdin)
    assert app is not None  # imported once, before the instances part
    children = [_start(number, asked) for number in range(asked["instances"])]
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    return 1 if failed else 0


def _start(number: int, asked: Mapping[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        problems = list(_instance(number, asked))
        os.write(1, "".join(f"{problem}\n" for problem in problems).encode())
    except BaseException as error:
        os.write(1, f"instance {number}: {error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def _instance(number: int, asked: Mapping[str, Any]) -> Iterator[str]:
    tokens: Mapping[str, str] = asked["tokens"]
    chosen = random.Random(number).choices(sorted(tokens), k=asked["requests"])  # noqa: S311 - the same ones each time
    calls = InProcess("", 0, tokens.__getitem__)
    with ThreadPoolExecutor(asked["threads"]) as pool:
        for found in pool.map(lambda job: list(_problems(calls, *job)), enumerate(chosen)):
            yield from found


def _problems(calls: InProcess, number: int, user: str) -> Iterator[str]:
    """One request, and what is wrong with its answer."""
    own = {"email": f"{user}@example.com"}
    if number % 3 == 0:
        answer = complete_step(calls, user, 5, own)
    elif number % 3 == 1:
        answer = calls.get("/api/onboarding/step/5", user=user)
    else:
        answer = calls.get("/api/onboarding/init", user=user)
    if answer.status != 200:
        yield f"{answer.status} {answer.text}"
    if any(f"{other}@" in answer.text for other in _others(user)):
        yield f"{user} sees another: {answer.text}"
    if number % 10 == 0:
        seen = bootstrap.database().read_unscoped(SCOPE)[0]
        if seen["user_id"] or not seen["is_login"]:
            yield f"a setting was left behind: {dict(seen)}"


def _others(user: str) -> list[str]:
    stem, _, own = user.rpartition("_")
    return [f"{stem}_{number}" for number in range(100, 200) if str(number) != own]


if __name__ == "__main__":
    sys.exit(main())
