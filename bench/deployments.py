"""What `vercel build` makes of the project and of the peers, laid out as the platform unpacks it.

Each project is built once without bytecode; a second copy is compiled, as `VERCEL_PYTHON_COMPILEALL=1` does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dev.harness.vercel.build import BuiltFunction, BuiltProject, vercel_build
from dev.harness.vercel.project import copy_project
from dev.harness.vercel.toolchain import Toolchain
from dev.settings import ROOT
from lib.db.bound import Bound
from lib.db.database import Database
from lib.db.scope import Scope

PEERS = ROOT / "bench" / "peers"
PYTHON = Path(os.path.realpath(sys.executable))
# The platform's bytecode is never compared with its source.
COMPILE: list[str | Path] = [PYTHON, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]


@dataclass(frozen=True)
class Deployed:
    """One function's files in a folder of its own, and the environment that its build asks for."""

    name: str
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Deployment:
    """The functions of one project by name, with bytecode and without."""

    compiled: Mapping[str, Deployed]
    plain: Mapping[str, Deployed]


def deploy_project(toolchain: Toolchain, folder: Path) -> Deployment:
    """Build the repository as it stands."""
    return _deploy(toolchain, copy_project(folder / "project"), folder)


def deploy_peers(toolchain: Toolchain, folder: Path) -> Deployment:
    """Build the peers as a project of their own, with the same pinned libraries."""
    project = folder / "project"
    (project / "api").mkdir(parents=True)
    (project / "public").mkdir()
    for file in PEERS.glob("*.py"):
        (project / "api" / file.name).write_bytes(file.read_bytes())
    requirements = [ROOT / "requirements.in", ROOT / "bench" / "requirements.txt"]
    (project / "requirements.txt").write_text("\n".join(file.read_text() for file in requirements))
    (project / ".python-version").write_bytes((ROOT / ".python-version").read_bytes())
    (project / "vercel.json").write_text(json.dumps({"framework": None, "outputDirectory": "public"}))
    (project / "same_sql.py").write_text(_same_sql())
    return _deploy(toolchain, project, folder)


def _same_sql() -> str:
    """The statements that this project sends for a summary and for step 2, with the values that do not change."""
    from lib.steps.fields import SAVED_ANALYSIS_FIELDS

    sent = {"SUMMARY": statements_of_summary(), "SAVE_STEP_2": statements_of_step_2()}
    lines = [f"{name} = {[(bound.sql, dict(bound.values)) for bound in each]!r}" for name, each in sent.items()]
    return "\n".join([*lines, f"COLUMNS = {SAVED_ANALYSIS_FIELDS!r}", ""])


def statements_of_summary() -> list[Bound[Any]]:
    """What this project sends for a summary."""
    from lib.db import summary

    return _sent_by(lambda database: summary.read(database, ""))


def statements_of_step_2() -> list[Bound[Any]]:
    """What this project sends when step 2 is completed."""
    from lib.db import website_analyses
    from lib.steps.fields import SAVED_ANALYSIS_FIELDS, SavedAnalysis

    nothing = cast(SavedAnalysis, dict.fromkeys(SAVED_ANALYSIS_FIELDS))
    return _sent_by(lambda database: website_analyses.complete_step(database, "", {}, [], "", nothing, if_match=None))


class _Recorded(Exception):
    """What was to be sent is noted, and nothing is sent."""


class _Recorder(Database):
    """Notes what it is asked to send."""

    def __init__(self) -> None:
        self.sent: list[Bound[Any]] = []

    def read(self, user_id: str, query: Bound[Any]) -> Any:
        """Note a read."""
        self.sent = [*Scope(user_id).statements(), query]
        raise _Recorded

    def write_and_read(self, user_id: str, statements: Sequence[Bound[Any]], query: Bound[Any]) -> Any:
        """Note a write."""
        scope = Scope(user_id, exclusive=True)
        self.sent = [*scope.statements(), *scope.lock(), *statements, query]
        raise _Recorded


def _sent_by(run: Callable[[Database], object]) -> list[Bound[Any]]:
    recorder = _Recorder()
    with suppress(_Recorded):
        run(recorder)
    return recorder.sent


def _deploy(toolchain: Toolchain, project: Path, folder: Path) -> Deployment:
    built = BuiltProject(project, vercel_build(toolchain, project, {}).stdout)
    plain = {name: _lay_out(function, folder / "plain") for name, function in _named(built).items()}
    _compile(project)
    compiled = {name: _lay_out(function, folder / "compiled", project) for name, function in _named(built).items()}
    return Deployment(compiled, plain)


def _named(built: BuiltProject) -> dict[str, BuiltFunction]:
    return {path.rpartition("/")[2]: function for path, function in built.functions.items()}


def _compile(project: Path) -> None:
    places = [project / ".vercel" / "python", project / "api", project / "lib"]
    command = [*COMPILE, "-j", "0", *(place for place in places if place.exists())]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # a library's broken example may not compile


def _lay_out(function: BuiltFunction, folder: Path, compiled: Path | None = None) -> Deployed:
    task = folder / function.path.strip("/").replace("/", ".")
    for name, source in function.files.items():
        _link(source, task / name)
        if compiled is not None and name.endswith(".py"):
            bytecode = f"{Path(name).stem}.{sys.implementation.cache_tag}.pyc"
            if (made := source.parent / "__pycache__" / bytecode).exists():
                _link(made, (task / name).parent / "__pycache__" / bytecode)
    if compiled is not None:
        subprocess.run([*COMPILE, "-l", task], check=True)  # the platform's own entry file
    return Deployed(function.path.rpartition("/")[2], task, function.config["environment"])


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(os.path.realpath(source), target)
