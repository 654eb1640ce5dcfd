"""A function that dies between the AI backend's answer and its own: no success is seen that is not stored."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client, Response
from tests.support.ai_backend import ANSWERS, StubBackend
from tests.support.page import API, FOUND, GENERATED, WEBSITE, PageRequest
from tests.support.server_process import server_process

KILLS = 10
"""How often each request's function is killed, from the moment of the AI backend's answer to that of ours."""


def _has_analysis(http: Client, user: str) -> bool:
    return http.get(f"{API}/website-analysis", user=user).json() is not None


def _has_draft(name: str) -> Callable[[Client, str], bool]:
    def has(http: Client, user: str) -> bool:
        draft = http.get(f"{API}/step/3", user=user).json()["draft"]
        return draft is not None and name in draft["data"]

    return has


def _has_persona(http: Client, user: str) -> bool:
    return http.get(f"{API}/step4/persona-latest", user=user).status == 200


STORED: dict[str, tuple[PageRequest, Callable[[Client, str], bool]]] = {
    "analysis": (WEBSITE[2], _has_analysis),
    "competitors": (FOUND[0], _has_draft("competitors")),
    "sitemap": (FOUND[1], _has_draft("sitemapAnalysis")),
    "persona": (GENERATED[2], _has_persona),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STORED)
def test_a_killed_function_shows_no_success_that_is_not_stored(
    name: str, http: Client, ai_backend: StubBackend, token: TokenFactory
) -> None:
    """Killed at the AI backend's answer, behind our own, and in between: success and stored data go together."""
    request, is_stored = STORED[name]
    trial = _Trial(request, ai_backend, token)
    is_success, took = trial.run(f"user_2kill_{name}_whole", kill_after=None)
    assert is_success
    seen = []
    for number in range(KILLS):
        user = f"user_2kill_{name}_{number}"
        is_success, _ = trial.run(user, kill_after=1.5 * took * number / KILLS)
        seen.append(is_success)
        assert not is_success or is_stored(http, user), (number, took)
    assert not seen[0], "the first kill comes before the answer"


class _Trial:
    """Sends one request to a process of its own, which is killed some seconds behind the AI backend's answer."""

    def __init__(self, request: PageRequest, stub: StubBackend, token: TokenFactory) -> None:
        self._request, self._token = request, token
        self._answered = threading.Event()
        self._go_on = threading.Event()
        key = f"{request.method} {request.path}"
        assert key in ANSWERS
        stub.answers[key] = replace(stub.answers[key], before=self._hold)

    def _hold(self) -> None:
        self._answered.set()
        self._go_on.wait(30)

    def run(self, user: str, kill_after: float | None) -> tuple[bool, float]:
        """Whether the page saw a success, and the seconds from the AI backend's answer to the end of the request."""
        self._answered.clear()
        self._go_on.clear()
        with server_process(os.environ) as (process, port), ThreadPoolExecutor(1) as pool:
            client = Client("127.0.0.1", port, self._token)
            assert client.get(f"{API}/status", user=user).status == 200  # everything is loaded and connected
            future = pool.submit(self._send, client, user)
            assert self._answered.wait(30)
            if kill_after == 0:
                process.kill()
                process.join()
            started = time.monotonic()
            self._go_on.set()
            if kill_after:
                time.sleep(kill_after)  # the moment is what is tried, not a condition
                process.kill()
            response = future.result()
            return response is not None and response.status == 200, time.monotonic() - started

    def _send(self, client: Client, user: str) -> Response | None:
        options: dict[str, Any] = {} if self._request.body is ... else {"json": self._request.body}
        try:
            return client.request(self._request.method, self._request.path, user=user, **options)
        except (OSError, http.client.HTTPException):
            return None
