"""Measures what VERCEL_PYTHON_COMPILEALL=1 brings: `.venv/bin/python -m tests.platform.measure_cold_start`.

Builds the repository with and without it, and boots one function of each in turn, the real runtime on a read-only
folder, up to the answer to a first request that reads the database.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.harness.clerk import TokenFactory
from dev.harness.client import Client
from dev.harness.postgres import alembic, throwaway_postgres
from dev.harness.vercel.build import BuiltProject, vercel_build
from dev.harness.vercel.places import short_lived_folder
from dev.harness.vercel.project import copy_project
from dev.harness.vercel.runtime import BootedFunction, Host, make_host
from dev.harness.vercel.toolchain import Toolchain, find_toolchain
from dev.settings import SigningKey, new_encryption_key
from tests.platform.wizard import API

BOOTS = 12
VARIANTS: dict[str, dict[str, str]] = {"no bytecode": {}, "bytecode": {"VERCEL_PYTHON_COMPILEALL": "1"}}


@dataclass(frozen=True)
class Boot:
    """Milliseconds: until the function serves, as the runtime reports it; and of CPU, then and after one request."""

    start: float
    start_cpu: float
    answered_cpu: float


def main() -> int:
    """Print a line for each variant."""
    key = SigningKey.generate()
    with ExitStack() as stack:
        toolchain = find_toolchain(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        database = stack.enter_context(throwaway_postgres()).create_database("measured")
        alembic(database, "upgrade", "head")
        variables = {
            "DATABASE_URL": database,
            "CLERK_JWT_KEY": key.public_pem,
            "API_KEY_ENCRYPTION_KEYS": new_encryption_key(),
        }
        builds = {name: stack.enter_context(_built(toolchain, switch)) for name, switch in VARIANTS.items()}
        hosts = {name: make_host(stack.enter_context(short_lived_folder("measure"))) for name in VARIANTS}
        boots: dict[str, list[Boot]] = {name: [] for name in VARIANTS}
        for _ in range(BOOTS):
            for name, (built, _seconds) in builds.items():
                boots[name].append(_boot(hosts[name], built, variables, TokenFactory(key)))
        for name, (built, seconds) in builds.items():
            print(_line(name, built.functions[f"{API}/session"].size, seconds, boots[name]))  # noqa: T201 - a script
    return 0


@contextmanager
def _built(toolchain: Toolchain, switch: dict[str, str]) -> Iterator[tuple[BuiltProject, float]]:
    with short_lived_folder("measure") as folder:
        project = copy_project(folder / "project")
        began = time.monotonic()
        built = BuiltProject(project, vercel_build(toolchain, project, switch).stdout)
        yield built, time.monotonic() - began


def _boot(host: Host, built: BuiltProject, variables: dict[str, str], token: TokenFactory) -> Boot:
    with host.boot(built.functions[f"{API}/session"], variables) as one:
        client = Client("127.0.0.1", one.port, token)
        start_cpu = _cpu(one)
        assert client.get(f"{API}/init", user="user_2measured").status == 200
        return Boot(one.messages.of_type("server-started")[0]["initDuration"], start_cpu, _cpu(one))


def _cpu(one: BootedFunction) -> float:
    """CPU milliseconds of the process so far."""
    fields = Path(f"/proc/{one.child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000


def _line(name: str, size: int, seconds: float, boots: list[Boot]) -> str:
    start, start_cpu, answered_cpu = (
        statistics.median(getattr(boot, field) for boot in boots) for field in ("start", "start_cpu", "answered_cpu")
    )
    return (
        f"{name:<12} build {seconds:.0f} s, bundle {size / 1e6:.1f} MB; median of {len(boots)} boots: "
        f"{start:.0f} ms to start ({start_cpu:.0f} ms CPU), {answered_cpu:.0f} ms CPU with the first answer"
    )


if __name__ == "__main__":
    sys.exit(main())
