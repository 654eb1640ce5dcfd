"""`vercel build`, and what it leaves under .vercel/output (https://vercel.com/docs/build-output-api)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dev.harness.vercel.places import keep_uv_cache
from dev.harness.vercel.project import pretend_linked
from dev.harness.vercel.toolchain import Toolchain

BUILD_TIMEOUT = 600  # seconds; without a warm uv cache the wheels are downloaded


def vercel_build(
    toolchain: Toolchain, project: Path, variables: Mapping[str, str], *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run the real `vercel build` in a copied project, with build-time variables. Its output is in one stream."""
    if not (project / ".vercel").exists():
        pretend_linked(project)
        keep_uv_cache(project)
    done = subprocess.run(
        [toolchain.cli, "build", "--yes"],
        cwd=project,
        env=toolchain.environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"vercel build exited with {done.returncode}:\n{done.stdout}")
    return done


@dataclass(frozen=True)
class BuiltFunction:
    """One function as the build describes it. `path` is its URL path, such as /api/health."""

    path: str
    folder: Path
    project: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What .vc-config.json says."""
        config: dict[str, Any] = json.loads((self.folder / ".vc-config.json").read_text())
        return config

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every file of the deployed function: its place in the bundle, and where it lies now."""
        mapped = {name: self.project / source for name, source in self.config["filePathMap"].items()}
        own = [file for file in self.folder.rglob("*") if file.is_file() and file.name != ".vc-config.json"]
        return mapped | {str(file.relative_to(self.folder)): file for file in own}

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(file.stat().st_size for file in self.files.values())


@dataclass(frozen=True)
class BuiltProject:
    """What a build made of a project, and what it printed."""

    project: Path
    log: str

    @property
    def output(self) -> Path:
        """The folder of the Build Output API."""
        return self.project / ".vercel" / "output"

    @cached_property
    def routes(self) -> list[dict[str, Any]]:
        """The routes of config.json."""
        routes: list[dict[str, Any]] = json.loads((self.output / "config.json").read_text())["routes"]
        return routes

    @cached_property
    def functions(self) -> dict[str, BuiltFunction]:
        """The functions by URL path."""
        root = self.output / "functions"
        paths = {f"/{folder.relative_to(root).with_suffix('')}": folder for folder in sorted(root.rglob("*.func"))}
        return {path: BuiltFunction(path, folder, self.project) for path, folder in paths.items()}

    @cached_property
    def static_files(self) -> dict[str, Path]:
        """The published files by URL path."""
        root = self.output / "static"
        return {f"/{file.relative_to(root)}": file for file in sorted(root.rglob("*")) if file.is_file()}
