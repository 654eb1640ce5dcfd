"""The pinned Vercel CLI, installed once into a git-ignored cache, for `make vercel-dev` and the platform tests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from dev.harness.vercel.processes import running

FOLDER = Path(__file__).resolve().parent
CACHE = FOLDER / ".cache"
MANIFEST = FOLDER / "package.json"
INSTALL_TIMEOUT = 900  # seconds
NPM_INSTALL = ("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class CliError(Exception):
    """The CLI cannot be installed. The message is one line that says what to do."""


class NodeNotFound(CliError):
    """Node.js, without which there is no CLI, is not installed."""


def installed_cli(report: Callable[[str], None], *, cache: Path = CACHE) -> Path:
    """Install the CLI unless it is there, after a line to `report`, and give its path. Raises CliError."""
    if missing := [name for name in ("node", "npm") if shutil.which(name) is None]:
        raise NodeNotFound(
            f"{' and '.join(missing)} not found: the real Vercel tools need Node.js (https://nodejs.org)"
        )
    folder = cache / "vercel"
    stamp = folder / "installed"
    wanted = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several may come at once
        if not stamp.exists() or stamp.read_text() != wanted:
            report("Installing the Vercel CLI, once: this takes a minute or two.")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            shutil.copy(MANIFEST, folder)
            _npm_install(folder)
            stamp.write_text(wanted)
    return folder / "node_modules" / ".bin" / "vercel"


def _npm_install(folder: Path) -> None:
    try:
        with running(NPM_INSTALL, cwd=folder, environ=os.environ) as npm:
            code = npm.wait(INSTALL_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise CliError(f"npm did not install the Vercel CLI within {INSTALL_TIMEOUT} seconds: try again") from error
    if code:
        raise CliError(f"npm could not install the Vercel CLI (exit code {code}): its lines above say why")
