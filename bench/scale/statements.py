"""What Postgres does for a request, among few users and among many: processor time, pages, and the plans."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypedDict

from bench.progress import say
from bench.stage import Stage
from dev.harness.every_call import BASE
from dev.harness.population import user_name
from dev.harness.statements import Plan, Sent, enter, explain, recording
from dev.harness.wizard import GEMINI, RESEARCH, WEBSITE
from lib.db.engine import Connection
from lib.db.scope import TIME_LIMIT_S

REQUESTS: Mapping[str, tuple[str, str, object]] = {
    "POST api-keys": ("POST", "api-keys", {"provider": "gemini", "api_key": GEMINI}),
    "GET summary": ("GET", "summary", ...),
    "GET init": ("GET", "init", ...),
    "GET status": ("GET", "status", ...),
    "GET step/2": ("GET", "step/2", ...),
    "GET history": ("GET", "history", ...),
    "GET export, first page": ("GET", "export", ...),
    "POST step/2/complete": ("POST", "step/2/complete", {"data": WEBSITE}),
    "POST step/3/complete": ("POST", "step/3/complete", {"data": RESEARCH}),
    "PUT step/3/draft": ("PUT", "step/3/draft", {"data": RESEARCH}),
    "POST complete": ("POST", "complete", {}),
}
"""The key comes first: it makes the user's stored keys readable."""
SAMPLE = 60
ROUNDS = 8
EXPLAINED = 12
_FINISHED = 3  # of ten users; see dev/harness/population.py


class Figures(TypedDict):
    """One request among so many users: medians.

    `first_read` are the pages that came from outside Postgres' memory when it met the user for the first time.
    """

    cpu_ms: float
    pages: float
    execution_ms: float
    first_read: float


@dataclass(frozen=True)
class Crowd:
    """A database with so many users; `url` is the functions' own."""

    users: int
    url: str


class Backend:
    """A connection as a function's, and the processor time of the server's process behind it."""

    def __init__(self, url: str) -> None:
        self.connection = Connection.connect(url, autocommit=True)
        self._time = Path(f"/proc/{self.connection.info.backend_pid}/schedstat")

    def send(self, sent: Sent) -> float:
        """Run it once. Gives the milliseconds of processor time that it took in Postgres."""
        self.connection.deadline = time.monotonic() + TIME_LIMIT_S
        before = self._cpu_ns()
        self.connection.exchange(sent.scope, sent.statements)
        return (self._cpu_ns() - before) / 1e6

    def explained(self, sent: Sent) -> list[Plan]:
        """What EXPLAIN ANALYZE says of each statement; nothing of it stays."""
        with self.connection.transaction(force_rollback=True):
            enter(self.connection, sent.scope)
            values = sent.scope.values
            return [
                explain(self.connection, one.sql, {**one.values, **values}, ", ANALYZE, BUFFERS, TIMING OFF")
                for one in sent.statements
            ]

    def _cpu_ns(self) -> int:
        return int(self._time.read_text().split()[0])


def measure(stage: Stage, crowds: Sequence[Crowd]) -> dict[str, dict[str, Figures]]:
    """Figures by request and by number of users; sizes take turns, so that a busy machine is as busy for each."""
    requests = record(stage, crowds[0])
    found: dict[str, dict[str, Figures]] = {name: {} for name in requests}
    with ExitStack() as stack:
        backends = {crowd.users: stack.enter_context(_backend(crowd.url)) for crowd in crowds}
        samples = {users: sample(users) for users in backends}
        first = {users: _first_reads(backends[users], requests, samples[users]) for users in backends}
        cpu: dict[tuple[str, int], list[float]] = {(name, users): [] for name in requests for users in backends}
        for number in range(ROUNDS + 1):
            say(f"requests among many users, {number} of {ROUNDS}")
            for place in range(SAMPLE):
                for name, sent in requests.items():
                    for users, backend in backends.items():
                        took = backend.send(sent.of(user_name(samples[users][place]), random.getrandbits(51)))
                        if number:  # the first round warms the caches
                            cpu[name, users].append(took)
        for name, sent in requests.items():
            for users, backend in backends.items():
                plans = [backend.explained(sent.of(user_name(n))) for n in samples[users][:EXPLAINED]]
                found[name][str(users)] = {
                    "cpu_ms": statistics.median(cpu[name, users]),
                    "pages": statistics.median(sum(map(pages, each)) for each in plans),
                    "execution_ms": statistics.median(sum(one["Execution Time"] for one in each) for each in plans),
                    "first_read": first[users][name],
                }
    return found


def plans(stage: Stage, crowds: Sequence[Crowd]) -> dict[str, list[str]]:
    """By request, what differs between the plans among most users and among fewer: nothing, where they are the same."""
    requests = record(stage, crowds[0])
    shapes: dict[int, dict[str, list[list[str]]]] = {}
    for crowd in crowds:
        with _backend(crowd.url) as backend:
            user = user_name(sample(crowd.users)[0])
            shapes[crowd.users] = {
                name: [shape(plan["Plan"]) for plan in backend.explained(sent.of(user))]
                for name, sent in requests.items()
            }
    most = shapes[crowds[-1].users]
    return {
        name: [
            f"among {users:,}: {_first_difference(one, other)}"
            for users, by_name in shapes.items()
            for one, other in zip(by_name[name], most[name], strict=True)
            if one != other
        ]
        for name in requests
    }


def record(stage: Stage, crowd: Crowd) -> dict[str, Sent]:
    """What each request sends, as a user of the crowd who has finished."""
    user = user_name(1)
    sent: dict[str, Sent] = {}
    with stage.in_process(DATABASE_URL=crowd.url) as calls:
        for name, (method, path, body) in REQUESTS.items():
            with recording() as every:
                answer = calls.request(method, f"{BASE}/{path}", user=user, json=body)
            if answer.status != 200 or len(every) != 1:
                raise RuntimeError(f"{name}: {answer.status} in {len(every)} round trips: {answer.text}")
            sent[name] = every[0]
    return sent


def sample(users: int) -> list[int]:
    """Users who have finished, the same ones each time."""
    chosen = random.Random(users)  # noqa: S311 - the same users each time
    return [10 * tens + chosen.randrange(1, _FINISHED) for tens in chosen.sample(range(users // 10), SAMPLE)]


def shape(node: Mapping[str, Any]) -> list[str]:
    """What a plan does, without its costs."""
    read = node.get("Index Name") or node.get("Relation Name")
    own = f"{node['Node Type']} of {read}" if read else node["Node Type"]
    return [own, *(part for child in node.get("Plans", []) for part in shape(child))]


def pages(plan: Plan) -> int:
    """How many pages a statement touched."""
    top = plan["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def _first_reads(backend: Backend, requests: Mapping[str, Sent], numbers: Sequence[int]) -> dict[str, float]:
    """Pages from outside Postgres' memory for users who were not there before: each request has users of its own."""
    each = len(numbers) // len(requests)
    return {
        name: statistics.mean(
            sum(one["Plan"]["Shared Read Blocks"] for one in backend.explained(sent.of(user_name(n))))
            for n in numbers[place * each : (place + 1) * each]
        )
        for place, (name, sent) in enumerate(requests.items())
    }


def _first_difference(one: Sequence[str], other: Sequence[str]) -> str:
    return next(f"{mine} where it is {its}" for mine, its in zip_longest(one, other) if mine != its)


@contextmanager
def _backend(url: str) -> Iterator[Backend]:
    backend = Backend(url)
    with backend.connection:
        yield backend
