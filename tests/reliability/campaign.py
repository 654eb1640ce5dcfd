"""Mixed requests of many users under faults, with a ledger of what they were told."""

from __future__ import annotations

import itertools
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

from dev.harness.client import Client, Response
from dev.harness.wizard import complete_step
from tests.reliability.faults import Faults
from tests.reliability.ledger import Ledger

BASE = "/api/onboarding"
THREADS = 12
USERS_OF_A_THREAD = 5
WRITES = 0.6
"""The share of requests that write."""

ERASURES = 0.02
MAX_RECOVERY_S = 30


@dataclass
class Figures:
    """What a campaign gave. Times in seconds, memory in MiB."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    recovery: float = 0.0
    peak_memory: float = 0.0
    seconds: float = 0.0


class Campaign:
    """Runs `count` requests from `THREADS` threads, each with users of its own."""

    def __init__(self, client: Client, faults: Faults, count: int, seed: int = 1) -> None:
        self._client, self._faults, self._seed = client, faults, seed
        self._ledger, self._figures = Ledger(), Figures(requests=count)
        self._left = itertools.count(1)
        self._lock = threading.Lock()

    def run(self) -> Figures:
        """Run it, then let it recover and read what every user has."""
        began = time.monotonic()
        with self._faults.going_on(), ThreadPoolExecutor(THREADS) as pool:
            [*pool.map(self._run_thread, range(THREADS))]
        self._figures.recovery = self._recovered()
        for user in self._ledger.accounts:
            self._read(user)
        self._figures.seconds = time.monotonic() - began
        self._figures.faults, self._figures.wrong = self._faults.made, self._ledger.wrong
        self._figures.examples = self._ledger.examples
        self._figures.peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return self._figures

    def _run_thread(self, thread: int) -> None:
        chance = random.Random(f"{self._seed} {thread}")  # noqa: S311 - the same ones each time
        users = [f"user_2campaign_{thread:02}_{number}" for number in range(USERS_OF_A_THREAD)]
        while next(self._left) <= self._figures.requests:
            user, what = chance.choice(users), chance.random()
            if what < ERASURES:
                self._erase(user)
            elif what < WRITES:
                self._write(user, chance.choice([10, 1_000, 20_000]))
            else:
                self._read(user)

    def _write(self, user: str, size: int) -> None:
        account = self._ledger.account(user)
        number = account.next_write()
        data = {"user": user, "number": number, "filling": "x" * size}
        if self._timed(lambda: complete_step(self._client, user, 5, data)).status == 200:
            account.last_acknowledged = number

    def _erase(self, user: str) -> None:
        account = self._ledger.account(user)
        number = account.next_write(erases=True)
        if self._timed(lambda: self._client.post(f"{BASE}/reset?hard=true", user=user, json={})).status == 200:
            account.last_acknowledged = number

    def _read(self, user: str) -> None:
        response = self._timed(lambda: self._client.get(f"{BASE}/step/5", user=user))
        if response.status == 200:
            self._ledger.check(user, response.json()["data"])

    def _timed(self, send: Callable[[], Response]) -> Response:
        began = time.monotonic()
        response = send()
        seconds = time.monotonic() - began
        with self._lock:
            self._figures.longest = max(self._figures.longest, seconds)
            self._figures.statuses[response.status] += 1
            if response.status != HTTPStatus.OK:
                self._figures.problems[f"{response.status} {response.json()['code']}"] += 1
        return response

    def _recovered(self) -> float:
        """Seconds until reads and writes succeed once the faults are over."""
        began = time.monotonic()
        good = 0
        while good < THREADS:
            good = good + 1 if complete_step(self._client, "user_2recovery", 5, {}).status == 200 else 0
            if time.monotonic() - began > MAX_RECOVERY_S:
                raise AssertionError(f"not recovered after {MAX_RECOVERY_S} seconds")
        return time.monotonic() - began
