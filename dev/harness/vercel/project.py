"""A copy of the repository as git would hand it to a deployment: what is tracked or not ignored, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from dev.settings import ROOT

LINK = {"projectId": "prj_x", "orgId": "team_x", "settings": {"framework": None}}
"""Enough for `vercel build` to run without an account; `vercel dev --local` must not see it."""


def project_files() -> list[Path]:
    """Files that git knows or would add, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted({Path(name) for name in listed.stdout.split("\0") if name})


def copy_project(target: Path) -> Path:
    """Copy the project's files into a folder, which is made, and return it."""
    for file in project_files():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # deleted, and git has not been told
            shutil.copyfile(ROOT / file, target / file)
    return target


def pretend_linked(project: Path) -> None:
    """Write the link to a Vercel project that `vercel build` asks for."""
    (project / ".vercel").mkdir()
    (project / ".vercel" / "project.json").write_text(json.dumps(LINK))
