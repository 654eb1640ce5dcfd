"""Sends requests: one after the other, or many at once from one thread."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

TIMEOUT_S = 60


@dataclass(frozen=True)
class Caller:
    """One request, ready to be sent to a port of 127.0.0.1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    port: int = 0

    def on(self, port: int) -> Caller:
        """The same request to that port."""
        return replace(self, port=port)

    def call(self) -> float:
        """Send it on a connection of its own. Gives seconds; raises RuntimeError for any answer but 2xx and 304."""
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(self.method, self.path, self.body or None, dict(self.headers))
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status // 100 != 2 and response.status != HTTPStatus.NOT_MODIFIED:
            raise RuntimeError(f"{self.method} {self.path}: {response.status} {text[:300]!r}")
        return time.perf_counter() - started

    @property
    def raw(self) -> bytes:
        """The request as bytes, its connection closed behind it."""
        headers = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(self.body)), **self.headers}
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + self.body


def json_caller(method: str, path: str, token: str, user: str, body: Any = None) -> Caller:
    """A signed-in request; the bare peer reads the user off a header."""
    headers = {"Authorization": f"Bearer {token}", "X-User": user}
    if body is None:
        return Caller(method, path, headers)
    return Caller(method, path, {**headers, "Content-Type": "application/json"}, json.dumps(body).encode())


@dataclass(frozen=True)
class Throughput:
    """Answers and answers a second, how many were no 200, and how many connections were reset and made anew."""

    answers: int
    per_second: float
    errors: int
    resets: int


def saturate(caller: Caller, at_once: int, seconds: float) -> Throughput:
    """Keep `at_once` requests under way for a while."""
    return saturate_by_each([caller] * at_once, seconds)


def saturate_by_each(callers: Sequence[Caller], seconds: float) -> Throughput:
    """Keep a request of each caller under way for a while."""
    return asyncio.run(_saturate(callers, seconds))


async def _saturate(callers: Sequence[Caller], seconds: float) -> Throughput:
    ends = time.perf_counter() + seconds
    started = time.perf_counter()
    outcomes = await asyncio.gather(*(_repeat(caller, ends) for caller in callers))
    took = time.perf_counter() - started
    good, bad, resets = (sum(each) for each in zip(*outcomes, strict=True))
    return Throughput(good, good / took, bad, resets)


async def _repeat(caller: Caller, ends: float) -> tuple[int, int, int]:
    raw = caller.raw
    good = bad = resets = 0
    while time.perf_counter() < ends:
        try:
            answer = await exchange(caller.port, raw)
        except ConnectionError:  # the server's queue of connections was full
            resets += 1
            continue
        if answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            good += 1
        else:
            bad += 1
    return good, bad, resets


async def exchange(port: int, raw: bytes) -> bytes:
    """Everything that is answered to a request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        return await reader.read()
    finally:
        writer.close()
