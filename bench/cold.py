"""Cold starts: processor time and waiting time up to `server-started`, and up to the first answer."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping
from functools import partial

from bench.deployments import Deployed, Deployment
from bench.load import Caller
from bench.processes import ColdStart, cold_start
from bench.progress import say
from bench.stage import INIT, Stage

ROUNDS = 7
ROUNDS_WITHOUT_BYTECODE = 3
PEERS = ("nothing", "imports_only", "fastapi_orm")

type Figures = dict[str, dict[str, float]]


def measure(stage: Stage, project: Deployment, peers: Deployment) -> dict[str, Figures]:
    """Medians in milliseconds of the processor and of the clock, and in MiB, by function."""
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
    return {
        name: partial(cold_start, function, stage.variables, caller)
        for what, (own, caller) in _firsts(stage).items()
        for name, function in ((what, ours[own]), (f"fastapi_orm, {what}", theirs))
    }


def _firsts(stage: Stage) -> dict[str, tuple[str, Caller]]:
    """The function that answers each of the requests, and the request."""
    return {
        "summary": ("summary", stage.summary),
        "init": ("session", stage.caller("GET", INIT)),
        "a saved key": ("api_keys", stage.saved_key),
        "step 2": ("website_analysis", stage.completion),
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
            "wall_ms": statistics.median(start.wall_ms for start in starts),
            "memory_mib": statistics.median(start.memory_mib for start in starts),
        }
        for name, starts in found.items()
    }
