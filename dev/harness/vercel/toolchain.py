"""The Vercel CLI, installed once into a git-ignored cache, and the environment it runs in."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.settings import without_settings

FOLDER = Path(__file__).resolve().parent
CACHE = FOLDER / ".cache"
INSTALL_TIMEOUT = 900  # seconds
NPM_INSTALL = ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


@dataclass(frozen=True)
class Toolchain:
    """Where the CLI is, and a folder that holds uv and Python 3.12 or newer and goes first on its PATH."""

    cli: Path
    binaries: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Give the CLI's environment: no setting of ours, no virtual environment, no telemetry, no account."""
        left_out = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CI", "VERCEL_TOKEN"}
        kept = {name: value for name, value in without_settings(os.environ).items() if name not in left_out}
        path = os.pathsep.join([str(self.binaries), os.environ.get("PATH", os.defpath)])
        return {**kept, "PATH": path, "VERCEL_TELEMETRY_DISABLED": "1", "FORCE_COLOR": "0", **more}


def find_toolchain(binaries: Path) -> Toolchain:
    """Install what is missing. Without Node the test is skipped, or fails where CI=true."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        skip_or_fail(f"{' and '.join(missing)} not found: the real Vercel tools need Node.js")
    _fill(binaries)
    return Toolchain(_installed_cli(), binaries)


def skip_or_fail(reason: str) -> None:
    """Skip on a person's machine; fail where continuous integration runs, so that nothing goes untested unseen."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"CI must not skip this: {reason}", pytrace=False)
    pytest.skip(reason)


def _installed_cli() -> Path:
    folder = CACHE / "vercel"
    manifest = (FOLDER / "package.json").read_bytes()
    stamp = folder / "installed"
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # xdist workers come at once
        wanted = hashlib.sha256(manifest).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "package.json").write_bytes(manifest)
            subprocess.run(NPM_INSTALL, cwd=folder, check=True, timeout=INSTALL_TIMEOUT)
            stamp.write_text(wanted)
    return folder / "node_modules" / ".bin" / "vercel"


def _fill(binaries: Path) -> None:
    """Link uv and the Python below our virtual environment, whose packages must not be at hand for a function."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        skip_or_fail("uv not found: the Vercel CLI installs requirements with it")
        return
    binaries.mkdir(parents=True, exist_ok=True)
    python = Path(os.path.realpath(sys.executable))
    names = {"uv": Path(uv), "python": python, "python3": python, f"python3.{sys.version_info.minor}": python}
    for name, target in names.items():
        (binaries / name).symlink_to(target)
