"""What Postgres does for a request, among few users and among many: processor time, pages, and the plans."""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TypedDict

from bench.progress import say
from bench.scale.backends import Backend, Crowd, connected
from bench.stage import Stage
from dev.harness.every_call import BASE
from dev.harness.population import user_name
from dev.harness.statements import Plan, Sent, recording
from dev.harness.wizard import GEMINI, RESEARCH, WEBSITE

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


def measure(stage: Stage, crowds: Sequence[Crowd]) -> dict[str, dict[str, Figures]]:
    """Figures by request and by number of users; sizes take turns, so that a busy machine is as busy for each."""
    requests = record(stage, crowds[0])
    found: dict[str, dict[str, Figures]] = {name: {} for name in requests}
    with ExitStack() as stack:
        backends = {crowd.users: stack.enter_context(connected(crowd.url)) for crowd in crowds}
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
