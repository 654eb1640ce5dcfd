"""One instance at 90 and at 110 % of what it can do: how long people wait, and who is refused.

Each service is driven at its own capacity's share, measured just before: other programs on the machine change it.
"""

from __future__ import annotations

import statistics

from bench.deployments import Deployment
from bench.load import saturate
from bench.open_loop import Offered, offer
from bench.processes import running
from bench.progress import say
from bench.stage import Stage

SHARES = (90, 110)
"""Percent of the capacity."""

ROUNDS = 2
SECONDS = 20
AT_ONCE = 8
WARM_UP_SECONDS = 1
CAPACITY_SECONDS = 4

type Figures = dict[str, dict[str, dict[str, float]]]


def measure(stage: Stage, project: Deployment, peers: Deployment) -> Figures:
    """Medians by percent of the capacity and by service: `per_second` offered, `p50` and `p99` in ms, shares in %."""
    services = {"project": project.compiled["summary"], "fastapi_orm": peers.compiled["fastapi_orm"]}
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(ROUNDS):
        for share in SHARES:
            say(f"one instance at {share} % of its capacity, {number + 1} of {ROUNDS}")
            for name, function in services.items():
                with running(function, stage.variables) as instance:
                    caller = stage.summary.on(instance.port)
                    saturate(caller, AT_ONCE, WARM_UP_SECONDS)
                    per_second = saturate(caller, AT_ONCE, CAPACITY_SECONDS).per_second * share / 100
                    figures = _figures(per_second, offer(caller, per_second, SECONDS))
                found.setdefault(str(share), {}).setdefault(name, []).append(figures)
    return {share: {name: _medians(each) for name, each in by.items()} for share, by in found.items()}


def _figures(per_second: float, offered: Offered) -> dict[str, float]:
    return {
        "per_second": per_second,
        "p50": offered.percentile(50) * 1000,
        "p99": offered.percentile(99) * 1000,
        "good": offered.good * 100,
        "shed": offered.shed * 100,
    }


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
