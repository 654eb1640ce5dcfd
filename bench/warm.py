"""Warm functions: processor time a request, and answers a second."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import ExitStack

from bench.deployments import Deployed, Deployment
from bench.load import Caller, saturate
from bench.processes import Running, running
from bench.progress import say
from bench.round_trips import RELAYED
from bench.stage import INIT, STATUS, SUMMARY, Stage

ROUNDS = 7
REQUESTS = 120
AT_ONCE = (1, 8, 32, 128)
THROUGHPUT_ROUNDS = 3
THROUGHPUT_SECONDS = 2.5


def processor_time(stage: Stage, project: Deployment, peers: Deployment) -> dict[str, dict[str, float]]:
    """Median processor milliseconds a request, by what is asked and by who answers."""
    asked = {"summary": stage.summary, "step 2": stage.completion}
    functions = {"summary": project.compiled["summary"], "step 2": project.compiled["website_analysis"]}
    relay = project.compiled["relay"]
    with ExitStack() as stack:
        peer = {name: _enter(stack, peers.compiled[name], stage) for name in ("bare_wsgi", "fastapi_orm")}
        jobs = {what: {"project": _enter(stack, functions[what], stage), **peer} for what in asked}
        found = {what: _processor_time(what, asked[what], jobs[what]) for what in asked}
        relayed = _processor_time(RELAYED, stage.analysis, {"project": _enter(stack, relay, stage)})
        return {**found, RELAYED: relayed}


def not_modified(stage: Stage, project: Deployment) -> dict[str, float]:
    """Median processor milliseconds of a status request, and of requests that are answered 304."""
    callers = {"status": stage.status, **{path: stage.known(path) for path in (STATUS, INIT, SUMMARY)}}
    with ExitStack() as stack:
        session, summary = (_enter(stack, project.compiled[name], stage) for name in ("session", "summary"))
        jobs = {name: (summary if name == SUMMARY else session, caller) for name, caller in callers.items()}
        found: dict[str, list[float]] = {name: [] for name in jobs}
        for number in range(ROUNDS + 1):
            say(f"processor time of what did not change, {number} of {ROUNDS}")
            for name, (function, caller) in jobs.items():
                found[name].append(function.cpu_of(caller, REQUESTS))
    return {name: statistics.median(each[1:]) for name, each in found.items()}  # the first round warms up


def throughput(stage: Stage, project: Deployment, peers: Deployment) -> dict[str, dict[str, float]]:
    """Median summaries a second of one instance, by requests at once and by who answers."""
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        ours = _enter(stack, project.compiled["summary"], stage)
        jobs = {"project": ours, **{name: _enter(stack, peers.compiled[name], stage) for name in ("fastapi_orm",)}}
        for number in range(THROUGHPUT_ROUNDS):
            say(f"throughput, {number + 1} of {THROUGHPUT_ROUNDS}")
            for at_once in AT_ONCE:
                for name, function in jobs.items():
                    done = saturate(stage.summary.on(function.port), at_once, THROUGHPUT_SECONDS)
                    if done.errors:
                        say(f"{name}: {done.errors} errors at {at_once} at once")
                    found.setdefault(str(at_once), {}).setdefault(name, []).append(done.per_second)
    return {at_once: {name: statistics.median(each) for name, each in by.items()} for at_once, by in found.items()}


def _enter(stack: ExitStack, function: Deployed, stage: Stage) -> Running:
    return stack.enter_context(running(function, stage.variables))


def _processor_time(what: str, caller: Caller, jobs: Mapping[str, Running]) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(ROUNDS + 1):
        say(f"processor time of {what}, {number} of {ROUNDS}")
        for name, function in jobs.items():
            found[name].append(function.cpu_of(caller, REQUESTS))
    return {name: statistics.median(each[1:]) for name, each in found.items()}  # the first round warms up
