"""Round trips to Postgres, by time: a line of 20 ms each way, with the requests made in this process.

The fastest of several counts: a round trip costs it as much as any other, and a busy machine costs it least.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import Engine, create_engine, text

from bench.progress import say
from bench.stage import ANALYSED, ANALYSIS, SUMMARY, USER, Stage
from dev.harness.client import Client
from dev.harness.every_call import ANY_VERSION, CONDITIONAL, READS, WRITES, url
from dev.harness.in_process import InProcess
from dev.harness.wire import wire
from lib import bootstrap
from lib.db.url import libpq_url

DELAY_S = 0.02
ROUNDS = 15
FIRST_ROUNDS = 7
RELAYED = "a relayed analysis"
ASKED_DIRECTLY = "the AI backend alone"
WRITER = "user_2bench_writer"
"""Who is written to, and erased in the end, so that the reads of the other keep what they find."""


def measure(stage: Stage) -> dict[str, Any]:
    """Milliseconds of each request, of one bare statement, and of first requests."""
    with wire(stage.url, DELAY_S) as line, stage.in_process(DATABASE_URL=line.url) as calls:
        calls.get(url("status", USER), user=USER)
        address = urlsplit(stage.variables["AI_BACKEND_URL"])
        ai_backend = Client(str(address.hostname), address.port or 80, str)
        return {"warm_ms": _warm(line.url, calls, ai_backend), "first_ms": _first(line.url, calls)}


def _warm(url: str, calls: InProcess, ai_backend: Client) -> dict[str, float]:
    usual = _usual_engine(url)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as bare:
        # Each prepares a request, which is not timed, and gives what to time.
        jobs: dict[str, Callable[[], Callable[[], object]]] = {
            "one bare statement": lambda: lambda: bare.execute("SELECT 1").fetchall(),
            "pool_pre_ping and begin()": lambda: lambda: _usual_request(usual),
            **{f"GET {path}": partial(_read, calls, path) for path in READS},
            **{
                f"{method} {path}, If-Match": partial(_write, calls, method, path, body, ANY_VERSION)
                for method, path, body in CONDITIONAL
            },
            **{f"{method} {path}": partial(_write, calls, method, path, body) for method, path, body in WRITES},
            RELAYED: lambda: lambda: _ok(calls.post(ANALYSIS, user=WRITER, json=ANALYSED).status),
            ASKED_DIRECTLY: lambda: lambda: _ok(ai_backend.post(ANALYSIS, json=ANALYSED).status),
        }
        found: dict[str, list[float]] = {name: [] for name in jobs}
        for number in range(ROUNDS):
            say(f"round trips of warm requests, {number + 1} of {ROUNDS}")
            for name, prepare in jobs.items():
                found[name].append(_seconds(prepare()) * 1000)
    usual.dispose()
    return {name: min(each[1:]) for name, each in found.items()}


def _first(url: str, calls: InProcess) -> dict[str, float]:
    found: dict[str, list[float]] = {"connection alone": [], "first request": [], "SQLAlchemy's defaults": []}
    for number in range(FIRST_ROUNDS):
        say(f"round trips of first requests, {number + 1} of {FIRST_ROUNDS}")
        found["connection alone"].append(_seconds(lambda: psycopg.connect(url).close()) * 1000)
        bootstrap.reset()
        found["first request"].append(_seconds(lambda: calls.get(SUMMARY, user=USER)) * 1000)
        engine = _usual_engine(url)
        found["SQLAlchemy's defaults"].append(_seconds(partial(_usual_request, engine)) * 1000)
        engine.dispose()
    return {name: min(each) for name, each in found.items()}


def _usual_engine(url: str) -> Engine:
    return create_engine(libpq_url(url).replace("postgresql://", "postgresql+psycopg://"), pool_pre_ping=True)


def _usual_request(engine: Engine) -> None:
    scope = "SELECT set_config('role', 'onboarding_app', true), set_config('app.user_id', :user_id, true)"
    with engine.begin() as connection:
        connection.execute(text(scope), {"user_id": USER})
        connection.execute(
            text("SELECT status FROM onboarding_steps WHERE user_id = :user_id"), {"user_id": USER}
        ).all()


def _read(calls: InProcess, path: str) -> Callable[[], None]:
    address = url(path, USER, calls)
    return lambda: _ok(calls.get(address, user=USER).status)


def _write(
    calls: InProcess, method: str, path: str, body: object, headers: Mapping[str, str] | None = None
) -> Callable[[], None]:
    address = url(path, WRITER, calls)
    return lambda: _ok(calls.request(method, address, user=WRITER, json=body, headers=headers).status)


def _ok(status: int) -> None:
    if status not in {200, 204}:
        raise RuntimeError(f"answered {status}")


def _seconds(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started
