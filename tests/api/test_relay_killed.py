"""The function dies between the AI backend's answer and ours: the page has no success, or the data is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dev.harness.client import Client
from dev.settings import ROOT
from tests.support.ai_backend import StubBackend
from tests.support.dying import MOMENTS
from tests.support.page import API, URL

USER = "user_2killed"
REQUESTS = [
    ("POST", f"{API}/style-detection/complete", "website-analysis"),
    ("POST", f"{API}/step3/discover-competitors", "step/3"),
    ("GET", f"{API}/step4/persona-task/task-1", "step4/persona-latest"),
]
COMMITTED = {"after the write", "never"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def processes() -> Iterator[subprocess.Popen[str]]:
    """Answers each request in a process of its own."""
    command = [sys.executable, "-m", "tests.support.dying"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started


@pytest.mark.parametrize("dies", MOMENTS)
@pytest.mark.parametrize(("method", "path", "shown"), REQUESTS, ids=["analysis", "competitors", "persona"])
def test_no_success_without_the_data(
    http: Client,
    ai_backend: StubBackend,
    processes: subprocess.Popen[str],
    method: str,
    path: str,
    shown: str,
    dies: str,
) -> None:
    """At each point: a killed request was not answered, and what is stored is all of it or nothing."""
    body = URL if method == "POST" else None
    asked = {"request": (method, path, body), "token": http.sign(USER), "dies": dies, "environ": dict(os.environ)}
    assert processes.stdin is not None
    assert processes.stdout is not None
    processes.stdin.write(f"{json.dumps(asked)}\n")
    processes.stdin.flush()
    code, status = json.loads(processes.stdout.readline())
    assert (code, status) == ((0, 200) if dies == "never" else (-signal.SIGKILL, None))
    assert len(ai_backend.asked) == 1
    assert is_stored(http, shown) == (dies in COMMITTED)


def is_stored(http: Client, shown: str) -> bool:
    """Whether what was generated is there with its step; fails where half of it is."""
    number = {"website-analysis": 2, "step/3": 3, "step4/persona-latest": 4}[shown]
    answer = http.get(f"{API}/{shown}", user=USER)
    found = answer.json() if answer.status == 200 else None
    there = found is not None and (number != 3 or found["draft"] is not None)
    status = http.get(f"{API}/step/{number}", user=USER).json()["status"]
    assert (status != "pending") == there
    return there
