"""Runs every measurement and writes `bench/results.json` and `bench/RESULTS.md`: `make bench`.

With names of MEASUREMENTS behind it only those are measured again; the others stay as results.json has them.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import cold, growth, nodes, overload, round_trips, usual_services, warm
from bench.deployments import Deployment, deploy_peers, deploy_project
from bench.progress import say
from bench.report import machine, markdown
from bench.stage import Stage, stage
from dev.harness.vercel.toolchain import find_toolchain

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"

type Measurement = Callable[[Stage, Deployment, Deployment], Any]

MEASUREMENTS: dict[str, Measurement] = {
    "round_trips": lambda stage, _project, _peers: round_trips.measure(stage),
    "cold": cold.measure,
    "processor_time": warm.processor_time,
    "not_modified": lambda stage, project, _peers: warm.not_modified(stage, project),
    "throughput": warm.throughput,
    "overload": overload.measure,
    "usual_services": usual_services.measure,
    "nodes": lambda stage, project, _peers: nodes.measure(stage, project),
    "sizes": lambda stage, project, _peers: growth.by_size(stage, project),
    "users": lambda stage, project, _peers: growth.by_users(stage, project),
}


def main(chosen: list[str]) -> int:
    """Measure and write. Gives the exit code."""
    logging.disable(logging.INFO)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if chosen else {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="onboarding-bench-") as name, stage() as prepared:
        folder = Path(name)
        say("building the project and its peers with `vercel build`")
        toolchain = find_toolchain(folder / "binaries")
        project, peers = deploy_project(toolchain, folder / "ours"), deploy_peers(toolchain, folder / "peers")
        for measured in chosen or MEASUREMENTS:
            results[measured] = MEASUREMENTS[measured](prepared, project, peers)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    (FOLDER / "RESULTS.md").write_text(markdown(results))
    say("done\n")
    sys.stdout.write(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
