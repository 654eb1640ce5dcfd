"""What a request costs in the function's process and in Postgres, and what a connection holds."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import psycopg

from bench.progress import say
from bench.scale.backends import Backend, Crowd, connected
from bench.scale.statements import REQUESTS, record, sample
from bench.stage import Stage
from dev.harness.every_call import BASE
from dev.harness.population import user_name
from dev.harness.statements import Sent

WARM_UP = 40
REPEATED = 240


class Costs(TypedDict):
    """Median processor milliseconds of a request, and bytes of the write-ahead log.

    `function_ms` is without the HTTP server. `planned_ms` is Postgres' where it may keep no statement.
    """

    function_ms: float
    kept_ms: float
    planned_ms: float
    log_bytes: float


class Measured(TypedDict):
    """By request; and the MiB that a server process has for itself alone, new, and with every statement kept."""

    requests: dict[str, Costs]
    new_mib: float
    full_mib: float


def measure(stage: Stage, crowd: Crowd) -> Measured:
    """Measure among the users of the crowd who have finished."""
    requests, found = record(stage, crowd), dict[str, Costs]()
    with connected(crowd.url) as keeping, connected(crowd.url) as planning:
        new = _private_mib(keeping)
        for name, sent in requests.items():
            say(f"processor time of {name}")
            kept, planned = _in_postgres(keeping, planning, sent, crowd.users)
            found[name] = {
                "function_ms": _in_function(stage, crowd, name),
                "kept_ms": kept,
                "planned_ms": planned,
                "log_bytes": _log_bytes(keeping, sent, crowd),
            }
        return {"requests": found, "new_mib": new, "full_mib": _private_mib(keeping)}


def _in_function(stage: Stage, crowd: Crowd, name: str) -> float:
    method, path, body = REQUESTS[name]
    took: list[float] = []
    with stage.in_process(DATABASE_URL=crowd.url) as calls:
        calls.request("POST", f"{BASE}/api-keys", user=user_name(1), json=REQUESTS["POST api-keys"][2])
        for _ in range(WARM_UP + REPEATED):
            before = time.thread_time()
            answer = calls.request(method, f"{BASE}/{path}", user=user_name(1), json=body)
            took.append((time.thread_time() - before) * 1000)
            if answer.status != 200:
                raise RuntimeError(f"{name}: {answer.status} {answer.text}")
    return statistics.median(took[WARM_UP:])


def _in_postgres(keeping: Backend, planning: Backend, sent: Sent, users: int) -> tuple[float, float]:
    """Milliseconds with statements kept, and without, in turns."""
    kept: list[float] = []
    planned: list[float] = []
    for number in (WARM_UP + REPEATED) // WARM_UP * sample(users)[:WARM_UP]:
        one = sent.of(user_name(number), random.getrandbits(51))
        kept.append(keeping.send(one))
        planned.append(planning.send(replace(one, scope=replace(one.scope, prepares=False))))
    return statistics.median(kept[WARM_UP:]), statistics.median(planned[WARM_UP:])


def _log_bytes(keeping: Backend, sent: Sent, crowd: Crowd) -> float:
    """Without the whole pages that follow a checkpoint: a throw-away server writes none."""
    numbers = sample(crowd.users)[:WARM_UP]
    with psycopg.connect(crowd.url, autocommit=True) as other:
        before = _log_position(other)
        for number in numbers:
            keeping.send(sent.of(user_name(number), random.getrandbits(51)))
        return (_log_position(other) - before) / len(numbers)


def _log_position(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


def _private_mib(one: Backend) -> float:
    lines = Path(f"/proc/{one.connection.info.backend_pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1024
