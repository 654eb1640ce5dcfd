"""Reads the recipes of docs/CHANGING.md, and carries their steps out on a copy of the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.settings import ROOT, without_settings

TEXT = (ROOT / "docs" / "CHANGING.md").read_text()
_STEP = re.compile(
    r"^\*\*(?P<number>\d+)\.\*\* (?P<what>[^\n]+):\n\n```\w+\n(?P<block>.*?)```\n\n\*Left out:\* (?P<told>[^\n]+)$",
    re.MULTILINE | re.DOTALL,
)
_NEW = re.compile(r"New file `(?P<file>[^`]+)`")
_CHANGED = re.compile(r"In `(?P<file>[^`]+)`, (?P<how>after|before|in place of) `(?P<anchor>[^`]+)`")
_TEST = re.compile(r"`(tests/[^`]+)`")


@dataclass(frozen=True)
class Step:
    """One step of a recipe: what to do, the text or command of its block, and the tests that miss it."""

    number: int
    what: str
    block: str
    tests: tuple[str, ...]

    @property
    def is_command(self) -> bool:
        """Whether the block is run, and not written to a file."""
        return self.what.startswith("Run")

    def apply(self, project: Path, environ: Mapping[str, str]) -> None:
        """Carry the step out. Raises `CalledProcessError` for a command that fails."""
        if self.is_command:
            command = self.block.strip().replace(".venv/bin/python", f"'{sys.executable}'")
            _run(command, project, environ)
        elif new := _NEW.match(self.what):
            (project / new["file"]).write_text(self.block)
        else:
            self._change(project)

    def _change(self, project: Path) -> None:
        changed = _CHANGED.match(self.what)
        assert changed, f"this step is not understood: {self.what}"
        file = project / changed["file"]
        lines = file.read_text().splitlines(keepends=True)
        found = [number for number, line in enumerate(lines) if changed["anchor"] in line]
        assert len(found) == 1, f"{changed['file']} has {len(found)} lines with {changed['anchor']}"
        first, last = {"after": (1, 1), "before": (0, 0), "in place of": (0, 1)}[changed["how"]]
        lines[found[0] + first : found[0] + last] = [self.block]
        file.write_text("".join(lines))


@dataclass(frozen=True)
class Recipe:
    """One chapter of docs/CHANGING.md."""

    title: str
    steps: tuple[Step, ...]

    def apply(self, project: Path, environ: Mapping[str, str], *, without: Step | None = None) -> None:
        """Carry out every step, or all but one."""
        for step in self.steps:
            if step is not without:
                step.apply(project, environ)


def recipes() -> dict[str, Recipe]:
    """Every recipe by its title."""
    chapters = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    found = [Recipe(chapter.partition("\n")[0], _steps(chapter)) for chapter in chapters]
    return {recipe.title: recipe for recipe in found}


def _run(command: str, project: Path, environ: Mapping[str, str]) -> None:
    try:
        subprocess.run(
            ["sh", "-c", command], cwd=project, env=dict(environ), check=True, capture_output=True, text=True
        )
    except subprocess.CalledProcessError as error:
        error.add_note(error.stdout + error.stderr)
        raise


def _steps(chapter: str) -> tuple[Step, ...]:
    return tuple(
        Step(int(match["number"]), match["what"], match["block"], tuple(_TEST.findall(match["told"])))
        for match in _STEP.finditer(chapter)
    )


def environment_of(database_url: str) -> dict[str, str]:
    """The variables of a developer whose database this is."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**without_settings(inherited), "DATABASE_URL": database_url}


def run_tests(project: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy, in a process of their own."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env=without_settings({name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}),
        capture_output=True,
        text=True,
        check=False,
    )
