"""The four ways to serve the same functions, each as a base URL on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.harness.postgres import free_port
from dev.harness.vercel.build import BuiltProject
from dev.harness.vercel.front import Front, Router, serving
from dev.harness.vercel.places import keep_uv_cache
from dev.harness.vercel.processes import running, wait_for_port
from dev.harness.vercel.runtime import BootedFunction, Host
from dev.harness.vercel.toolchain import WHOLE_COPIES, Toolchain
from dev.server import serving_child
from dev.settings import ROOT, without_settings
from dev.vercel_dev import PRELOAD, write_env_file

START_TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class BuiltTarget:
    """The front's port, and the functions behind it by URL path."""

    port: int
    functions: Mapping[str, BootedFunction]


@dataclass(frozen=True)
class StartedVercelDev:
    """The real `vercel dev`, and the thread that makes it build every function, which takes minutes of CPU."""

    project: Path
    port: int
    warming: threading.Thread


@contextmanager
def development_server(variables: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run the server of `make dev` on a free port, and give the port."""
    environ = {**without_settings(os.environ), **variables}
    with (
        socket.create_server(("127.0.0.1", 0), backlog=128) as listening,
        open(log, "wb") as output,
        serving_child(listening, environ, log=output),
    ):
        yield listening.getsockname()[1]


@contextmanager
def gunicorn(variables: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run `gunicorn serving.wsgi:app` on a free port, and give the port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "serving.wsgi:app", "--threads", "4", "--bind", f"127.0.0.1:{port}"]
    environ = {**without_settings(os.environ), **variables}
    with running(command, cwd=ROOT, environ=environ, log=log) as child:
        wait_for_port(port, child, log, timeout=START_TIMEOUT)
        yield port


@contextmanager
def vercel_dev(toolchain: Toolchain, project: Path, variables: Mapping[str, str], scratch: Path) -> Iterator[int]:
    """Run the real `vercel dev --local` in a copied project on a free port, and give the port.

    The variables reach the functions through the project's .env alone, as they do for `make vercel-dev`.
    """
    write_env_file(project / ".env", variables)
    for function in (project / "api").rglob("*.py"):
        keep_uv_cache(project / ".vercel" / "cache" / function.name.replace(".", "_"))
    port, log = free_port(), scratch / "vercel-dev.log"
    # What the CLI keeps for a function goes below `scratch`, to disappear with it.
    environ = toolchain.environment(
        TMPDIR=str(scratch), XDG_CACHE_HOME=str(scratch / "cache"), NODE_OPTIONS=f'{WHOLE_COPIES} --require "{PRELOAD}"'
    )
    command = [str(toolchain.cli), "dev", "--local", "--yes", "--listen", f"127.0.0.1:{port}"]
    with running(command, cwd=project, environ=environ, log=log) as child:
        wait_for_port(port, child, log, timeout=START_TIMEOUT)
        yield port


@contextmanager
def built_functions(built: BuiltProject, host: Host, variables: Mapping[str, str]) -> Iterator[BuiltTarget]:
    """Boot every built function on a host, behind a front that routes by the built config.json."""
    with ExitStack() as stack:
        booted = _boot_all(stack, built, host, variables)
        router = Router(built.routes, frozenset(built.functions), built.static_files)
        front = stack.enter_context(serving(Front(router, {path: one.port for path, one in booted.items()})))
        yield BuiltTarget(front.server_port, booted)


def _boot_all(
    stack: ExitStack, built: BuiltProject, host: Host, variables: Mapping[str, str]
) -> dict[str, BootedFunction]:
    return {path: stack.enter_context(host.boot(one, variables)) for path, one in built.functions.items()}
