"""Processor time of the function's own process for a request, HTTP server and network aside."""

from __future__ import annotations

import statistics
import time

from bench.progress import say
from bench.scale.statements import REQUESTS, Crowd
from bench.stage import Stage
from dev.harness.every_call import BASE
from dev.harness.population import user_name

WARM_UP = 20
REQUESTS_EACH = 200


def measure(stage: Stage, crowd: Crowd) -> dict[str, float]:
    """Median milliseconds by request, of one user who has finished."""
    user, found = user_name(1), dict[str, float]()
    with stage.in_process(DATABASE_URL=crowd.url) as calls:
        for name, (method, path, body) in REQUESTS.items():
            say(f"processor time of {name}")
            took: list[float] = []
            for _ in range(WARM_UP + REQUESTS_EACH):
                before = time.thread_time()
                answer = calls.request(method, f"{BASE}/{path}", user=user, json=body)
                took.append((time.thread_time() - before) * 1000)
                if answer.status != 200:
                    raise RuntimeError(f"{name}: {answer.status} {answer.text}")
            found[name] = statistics.median(took[WARM_UP:])
    return found
