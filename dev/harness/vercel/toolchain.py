"""The Vercel CLI, and the environment that the platform tests run it in."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from dev.harness.vercel.cli import NodeNotFound, installed_cli
from dev.settings import without_settings

WHOLE_COPIES = f'--require "{Path(__file__).parent / "whole_copies.cjs"}"'
"""What Node.js is to load first, as an option."""


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
        own = {"PATH": path, "NODE_OPTIONS": WHOLE_COPIES, "VERCEL_TELEMETRY_DISABLED": "1", "FORCE_COLOR": "0"}
        return {**kept, **own, **more}


def find_toolchain(binaries: Path) -> Toolchain:
    """Install what is missing. Without Node the test is skipped, or fails where CI=true."""
    try:
        cli = installed_cli(print)
    except NodeNotFound as error:
        skip_or_fail(str(error))
    _fill(binaries)
    return Toolchain(cli, binaries)


def skip_or_fail(reason: str) -> NoReturn:
    """Skip on a person's machine; fail where continuous integration runs, so that nothing goes untested unseen."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"CI must not skip this: {reason}", pytrace=False)
    pytest.skip(reason)


def _fill(binaries: Path) -> None:
    """Link uv and the Python below our virtual environment, whose packages must not be at hand for a function."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        skip_or_fail("uv not found: the Vercel CLI installs requirements with it")
    binaries.mkdir(parents=True, exist_ok=True)
    python = Path(os.path.realpath(sys.executable))
    names = {"uv": Path(uv), "python": python, "python3": python, f"python3.{sys.version_info.minor}": python}
    for name, target in names.items():
        (binaries / name).symlink_to(target)
