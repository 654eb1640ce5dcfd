"""Sends requests at a fixed rate, however long the answers take, as many people do who know nothing of each other.

A request's time is counted from the moment at which it was due, so a server that falls behind cannot hide it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import Caller, exchange

PATIENCE_S = 30
"""How long after it was due a request is given up; it then counts as lost, with this time."""

_SHED = 503


@dataclass(frozen=True)
class Answer:
    """What came of one request: its status (0 where the connection was lost) and the seconds since it was due."""

    status: int
    seconds: float
    says_when_to_retry: bool = False

    @property
    def is_good(self) -> bool:
        """Whether it was answered with 2xx."""
        return self.status // 100 == 2

    @property
    def is_shed(self) -> bool:
        """Whether it was refused as it should be: 503 with `Retry-After`."""
        return self.status == _SHED and self.says_when_to_retry


@dataclass(frozen=True)
class Offered:
    """Every answer to requests that were sent at one rate."""

    answers: Sequence[Answer]

    def percentile(self, percent: int) -> float:
        """The seconds within which so many of them were answered, refusals included."""
        return statistics.quantiles((answer.seconds for answer in self.answers), n=100, method="inclusive")[percent - 1]

    @property
    def good(self) -> float:
        """The share that was answered with 2xx."""
        return sum(answer.is_good for answer in self.answers) / len(self.answers)

    @property
    def shed(self) -> float:
        """The share that was refused with 503 and `Retry-After`."""
        return sum(answer.is_shed for answer in self.answers) / len(self.answers)


def offer(caller: Caller, per_second: float, seconds: float) -> Offered:
    """Send `per_second` requests for so long, and wait for every answer."""
    return asyncio.run(_offer(caller, per_second, seconds))


async def _offer(caller: Caller, per_second: float, seconds: float) -> Offered:
    began = time.perf_counter()
    sent: list[asyncio.Task[Answer]] = []
    for number in range(int(per_second * seconds)):
        due = began + number / per_second
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        sent.append(asyncio.create_task(_answer(caller, caller.raw, due)))
    return Offered(await asyncio.gather(*sent))


async def _answer(caller: Caller, raw: bytes, due: float) -> Answer:
    try:
        async with asyncio.timeout(PATIENCE_S):
            text = await exchange(caller.port, raw)
    except (TimeoutError, OSError):
        text = b""
    head = text.partition(b"\r\n\r\n")[0]
    status = int(head.split(None, 2)[1]) if head.startswith(b"HTTP/1.") else 0
    return Answer(status, time.perf_counter() - due, b"\r\nretry-after:" in head.lower())
