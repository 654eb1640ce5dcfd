"""`make pages`: install what client/package-lock.json pins, and build the reference and the wizard into public/.

`make dev` runs it first. Where it fails, as without a network, the API and a plain list of its requests are served all
the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.node import Node, NodeMissingError, find_node
from dev.settings import ROOT

CLIENT = ROOT / "client"
_TIMEOUT = 600  # seconds


class PagesError(Exception):
    """The pages cannot be built. The message says why."""


def main() -> int:
    """Build the pages, and return the exit code."""
    try:
        build_pages()
    except (PagesError, NodeMissingError) as error:
        print(f"The reference and the wizard are not built: {error}", file=sys.stderr)
        return 1
    return 0


def build_pages() -> None:
    """Install and build, one process at a time. Raises PagesError or NodeMissingError."""
    node = find_node()
    with alone():
        install(node)
        run([*node.npm, "run", "--silent", "pages"], node)


def install(node: Node, folder: Path = CLIENT) -> None:
    """Install the packages that a folder pins unless exactly these are there. Raises PagesError."""
    stamp, locked = folder / "node_modules" / ".installed", folder / "package-lock.json"
    wanted = hashlib.sha256(locked.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing what {locked.relative_to(ROOT)} pins, once.", file=sys.stderr, flush=True)
    run([*node.npm, "ci", "--include=dev", "--loglevel=error"], node, folder=folder)
    stamp.write_text(wanted)


@contextmanager
def alone() -> Iterator[None]:
    """Hold the client's folder, since several test processes may come at once."""
    folder = os.open(CLIENT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def run(command: Sequence[str], node: Node, *, folder: Path = CLIENT) -> str:
    """Run a command of Node.js in a folder, and return what it printed. Raises PagesError."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=node.environ, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PagesError(str(error)) from error
    if done.returncode:
        raise PagesError(f"{' '.join(command[-2:])} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
