"""Plain Postgres beside Citus on 1, 2 and 3 nodes: answers a second of one instance, and the CPU time of each node.

On one node the coordinator holds the rows itself; two and three nodes are a coordinator without rows, and workers. All
run on this machine, so that more of them cannot answer more here: how they share the work tells how a cluster grows.
Plain Postgres is the same server, with a database that has no Citus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.deployments import Deployment
from bench.load import saturate_by_each
from bench.processes import Running, running
from bench.progress import say
from bench.report import machine
from bench.stage import STEP_2, SUMMARY, Stage
from bench.usual_services import cluster_cpu
from dev.harness.every_call import save_everything
from dev.harness.postgres import alembic
from dev.harness.wizard import WEBSITE
from scripts.distribution import distribute
from tests.support.cluster import HOST, NO_CITUS, Cluster, citus_binaries, citus_cluster
from tests.support.given_server import GivenServer

PLAIN = "plain Postgres"
WORKERS = {PLAIN: 0, "Citus, 1 node": 0, "Citus, 2 nodes": 1, "Citus, 3 nodes": 2}
ROUNDS = 6
SECONDS = 2
DATABASE = "bench"
USERS = [f"user_2node_{number}" for number in range(16)]
"""Who asks at once. Of two workers each has half of them: Citus places a user by the id, the same way each time."""

REQUESTS = {"summary": ("summary", "GET", SUMMARY, None), "step 2": ("website_analysis", "POST", STEP_2, WEBSITE)}
"""What is measured: the function that answers it, and what is sent."""

_VERSIONS = "SELECT split_part(citus_version(), ' ', 2), split_part(current_setting('server_version'), ' ', 1)"
_HOLDS_ROWS = "SELECT citus_set_node_property(%s, %s, 'shouldhaveshards', true)"


@dataclass(frozen=True)
class Setup:
    """A cluster with everybody's data, and an instance for each of REQUESTS."""

    cluster: Cluster
    instances: Mapping[str, Running]

    def cpu(self, what: str) -> dict[str, float]:
        """Seconds of processor time so far, of the instance and of each node, the coordinator first."""
        names = ["coordinator", *(f"worker {number}" for number in range(1, len(self.cluster.nodes)))]
        nodes = {name: cluster_cpu(node.data) for name, node in zip(names, self.cluster.nodes, strict=True)}
        return {"service": self.instances[what].cpu(), **nodes}


def measure(stage: Stage, project: Deployment) -> dict[str, Any]:
    """By request and setup: answers `per_second`, and CPU ms a request of `service` and each node; and the versions.

    Nothing where no Postgres here has Citus.
    """
    if citus_binaries() is None:
        say(f"skipping Citus on 1, 2 and 3 nodes: {NO_CITUS}\n")
        return {}
    with ExitStack() as stack:
        setups = {name: stack.enter_context(_setup(stage, project, name)) for name in WORKERS}
        versions = _versions(setups[PLAIN].cluster)
        load = machine()["load_before"]
        requests = {what: _measured(stage, what, setups) for what in REQUESTS}
        return {"versions": versions, "load_before": load, "requests": requests}


def _measured(stage: Stage, what: str, setups: Mapping[str, Setup]) -> dict[str, dict[str, float]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in setups}
    for number in range(ROUNDS + 1):
        say(f"nodes of Citus, {what}, {number} of {ROUNDS}")
        for name, setup in setups.items():
            found[name].append(_saturated(stage, what, name, setup))
    # The first round warms the caches; other programs on the machine make each one slower than it is, and none faster.
    return {name: max(rounds[1:], key=lambda each: each["per_second"]) for name, rounds in found.items()}


def _saturated(stage: Stage, what: str, name: str, setup: Setup) -> dict[str, float]:
    _, method, path, body = REQUESTS[what]
    json = None if body is None else {"data": body}
    callers = [stage.caller(method, path, user, json).on(setup.instances[what].port) for user in USERS]
    before = setup.cpu(what)
    done = saturate_by_each(callers, SECONDS)
    after = setup.cpu(what)
    if done.errors:
        say(f"{name}: {done.errors} errors")
    spent = {each: (after[each] - before[each]) / done.answers * 1000 for each in after}
    return {"per_second": done.per_second, **spent}


@contextmanager
def _setup(stage: Stage, project: Deployment, name: str) -> Iterator[Setup]:
    say(f"nodes of Citus, starting {name}")
    with ExitStack() as stack:
        cluster = stack.enter_context(citus_cluster(WORKERS[name]))
        url = _plain(cluster) if name == PLAIN else _distributed(cluster)
        with stage.in_process(DATABASE_URL=url) as calls:
            for user in USERS:
                save_everything(calls, user)
        variables = {**stage.variables, "DATABASE_URL": url}
        functions = {what: project.compiled[function] for what, (function, *_) in REQUESTS.items()}
        yield Setup(cluster, {what: stack.enter_context(running(each, variables)) for what, each in functions.items()})


def _plain(cluster: Cluster) -> str:
    url = GivenServer.of(cluster.coordinator.url()).create_database(DATABASE)
    alembic(url, "upgrade", "head")
    return url


def _distributed(cluster: Cluster) -> str:
    url = GivenServer.of(cluster.coordinator.url()).create_cluster_database(DATABASE)
    if len(cluster.nodes) == 1:
        with cluster.coordinator.connect(DATABASE) as connection:
            connection.execute(_HOLDS_ROWS, [HOST, cluster.coordinator.port])
    with psycopg.connect(url, autocommit=True) as owner:
        distribute(owner, say=lambda _line: None)
    return url


def _versions(cluster: Cluster) -> dict[str, str]:
    with cluster.coordinator.connect() as connection:
        citus, postgres = connection.execute(_VERSIONS).fetchone() or ("", "")
        return {"Citus": str(citus), "Postgres": str(postgres)}
