"""What users would pick instead: FastAPI, Fastify and PostGraphile on the same tables, and what each costs Postgres.

The processor time is that of the service and of the whole database server, its backends that ended included.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.deployments import Deployment
from bench.load import Caller, saturate
from bench.node_peers import NodeMissing, add_mutation, graphql, install, serving
from bench.processes import TICKS, Running, running
from bench.progress import say
from bench.stage import Stage
from dev.harness.wizard import WEBSITE

ROUNDS = 5
REQUESTS = 120
AT_ONCE = (1, 8, 32)
THROUGHPUT_ROUNDS = 3
THROUGHPUT_SECONDS = 2.5
SUMMARY, SAVE = "summary", "step 2"

type Figures = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Service:
    """One instance, and what is sent to it for a summary and to save step 2. Ours has a function for each."""

    instances: Mapping[str, Running]
    callers: Mapping[str, Caller]

    def caller(self, what: str) -> Caller:
        """The request, addressed."""
        return self.callers[what].on(self.instances[what].port)


def measure(stage: Stage, project: Deployment, peers: Deployment) -> dict[str, Figures]:
    """Processor milliseconds of service and Postgres, and answers a second, by what is asked and by service."""
    with ExitStack() as stack:
        services = stack.enter_context(_services(stage, project, peers))
        return {
            "processor_time": {what: _processor_time(stage, what, services) for what in (SUMMARY, SAVE)},
            "throughput": {what: _throughput(what, services) for what in (SUMMARY, SAVE)},
        }


@contextmanager
def _services(stage: Stage, project: Deployment, peers: Deployment) -> Iterator[dict[str, Service]]:
    usual = {SUMMARY: stage.summary, SAVE: stage.completion}
    with ExitStack() as stack:
        ours = {SUMMARY: project.compiled["summary"], SAVE: project.compiled["website_analysis"]}
        started = {what: stack.enter_context(running(each, stage.variables)) for what, each in ours.items()}
        fastapi = stack.enter_context(running(peers.compiled["fastapi_orm"], stage.variables))
        services = {"project": Service(started, usual), "fastapi_orm": Service(dict.fromkeys(usual, fastapi), usual)}
        try:
            install()
        except NodeMissing as missing:
            say(f"going on without Fastify and PostGraphile: {missing}")
        else:
            add_mutation(stage)
            saved = graphql(stage, "save", website=WEBSITE["website"], data=WEBSITE)
            callers = {"fastify": usual, "postgraphile": {SUMMARY: graphql(stage, "summary"), SAVE: saved}}
            for name, each in callers.items():
                instance = stack.enter_context(serving(name, stage))
                services[name] = Service(dict.fromkeys(each, instance), each)
        yield services


def _processor_time(stage: Stage, what: str, services: Mapping[str, Service]) -> dict[str, dict[str, float]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in services}
    for number in range(ROUNDS + 1):
        say(f"processor time of service and Postgres, {what}, {number} of {ROUNDS}")
        for name, service in services.items():
            before = cluster_cpu(stage.server.data)
            own = service.instances[what].cpu_of(service.caller(what), REQUESTS)
            found[name].append((own, (cluster_cpu(stage.server.data) - before) / REQUESTS * 1000))
    return {
        name: {"service": statistics.median(own), "postgres": statistics.median(database)}
        for name, (own, database) in ((name, zip(*each[1:], strict=True)) for name, each in found.items())
    }


def cluster_cpu(data: Path) -> float:
    """Seconds of processor time so far of the server on a data folder, its processes that ended included."""
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    fields = {pid: _stat(pid) for pid in (str(postmaster), *children)}
    own = sum(int(each[11]) + int(each[12]) for each in fields.values())
    ended = fields[str(postmaster)]
    return (own + int(ended[13]) + int(ended[14])) / TICKS


def _stat(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it ended, and the postmaster has its time or is about to
        return ["0"] * 20


def _throughput(what: str, services: Mapping[str, Service]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, list[float]]] = {}
    for number in range(THROUGHPUT_ROUNDS):
        say(f"throughput of the usual services, {what}, {number + 1} of {THROUGHPUT_ROUNDS}")
        for at_once in AT_ONCE:
            for name, service in services.items():
                done = saturate(service.caller(what), at_once, THROUGHPUT_SECONDS)
                if done.errors:
                    say(f"{name}: {done.errors} errors at {at_once} at once")
                found.setdefault(str(at_once), {}).setdefault(name, []).append(done.per_second)
    return {at_once: {name: statistics.median(each) for name, each in by.items()} for at_once, by in found.items()}
