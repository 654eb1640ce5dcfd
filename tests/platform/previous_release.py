"""Runs the API tests of the previous release on the schema that this release migrates to."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

RELEASES = "v*"


def previous_release(repository: Path) -> str | None:
    """Name the newest release tag below HEAD; None before the first release."""
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", RELEASES, "HEAD^"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def run_its_api_tests(repository: Path, release: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Take the release's code and tests, and this one's migrations, and run tests/api with them in an empty folder."""
    archive = subprocess.run(["git", "archive", release], cwd=repository, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    shutil.rmtree(folder / "migrations")
    shutil.copytree(repository / "migrations", folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/api", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
