"""Cold starts: processor time up to `server-started`, and up to the first answer."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping
from functools import partial

from bench.deployments import Deployed, Deployment
from bench.processes import ColdStart, cold_start
from bench.progress import say
from bench.stage import Stage

ROUNDS = 7
ROUNDS_WITHOUT_BYTECODE = 3
PEERS = ("nothing", "imports_only", "fastapi_orm")

type Figures = dict[str, dict[str, float]]


def measure(stage: Stage, project: Deployment, peers: Deployment) -> dict[str, Figures]:
    """Medians in processor milliseconds and MiB, by function."""
    return {
        "server_started": _interleaved("cold starts", ROUNDS, _starts(stage, project.compiled, peers.compiled)),
        "without_bytecode": _interleaved(
            "cold starts without bytecode",
            ROUNDS_WITHOUT_BYTECODE,
            _starts(stage, {"summary": project.plain["summary"]}, peers.plain),
        ),
        "first_answer": _interleaved("first answers", ROUNDS, _first_answers(stage, project, peers)),
    }


def _starts(
    stage: Stage, project: Mapping[str, Deployed], peers: Mapping[str, Deployed]
) -> dict[str, Callable[[], ColdStart]]:
    wanted = {**{name: peers[name] for name in PEERS}, **project}
    return {name: partial(cold_start, function, stage.variables) for name, function in wanted.items()}


def _first_answers(stage: Stage, project: Deployment, peers: Deployment) -> dict[str, Callable[[], ColdStart]]:
    ours, theirs = project.compiled, peers.compiled["fastapi_orm"]
    init = stage.caller("GET", "/api/onboarding/init")
    return {
        "fastapi_orm, summary": lambda: cold_start(theirs, stage.variables, stage.summary),
        "fastapi_orm, step 2": lambda: cold_start(theirs, stage.variables, stage.completion),
        "summary": lambda: cold_start(ours["summary"], stage.variables, stage.summary),
        "step 2": lambda: cold_start(ours["website_analysis"], stage.variables, stage.completion),
        "init": lambda: cold_start(ours["session"], stage.variables, init),
    }


def _interleaved(title: str, rounds: int, jobs: Mapping[str, Callable[[], ColdStart]]) -> Figures:
    found: dict[str, list[ColdStart]] = {name: [] for name in jobs}
    for number in range(rounds):
        say(f"{title}, {number + 1} of {rounds}")
        for name in random.sample(sorted(jobs), len(jobs)):
            found[name].append(jobs[name]())
    return {
        name: {
            "cpu_ms": statistics.median(start.cpu_ms for start in starts),
            "memory_mib": statistics.median(start.memory_mib for start in starts),
        }
        for name, starts in found.items()
    }
