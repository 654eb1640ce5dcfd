"""Folders for a session's many thousand short-lived files, and the uv cache that outlives it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dev.harness.vercel.cli import CACHE

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
ROOM_NEEDED = 8 * 2**30  # bytes; the session uses about a third of it
UV_CACHE = Path(".vercel/python/cache/uv")
"""Where the CLI keeps uv's cache, below the folder that it builds in."""


@contextmanager
def short_lived_folder(purpose: str) -> Iterator[Path]:
    """Make an empty folder with a short path, for UNIX sockets; it is deleted in the background afterwards."""
    parent = SHARED_MEMORY if _holds_everything(SHARED_MEMORY) else Path("/tmp")  # noqa: S108 - as above
    folder = Path(tempfile.mkdtemp(prefix=f"onboarding-{purpose}-", dir=parent))
    try:
        yield folder
    finally:
        command = ["/bin/sh", "-c", '(chmod -R u+w "$1"; rm -rf "$1") >/dev/null 2>&1 &', "cleaner", str(folder)]
        subprocess.run(command, check=True, start_new_session=True)


def keep_uv_cache(folder: Path) -> None:
    """Let the CLI find, in a folder that it will build in, the wheels of earlier sessions."""
    link = folder / UV_CACHE
    (CACHE / "uv").mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True)
    link.symlink_to(CACHE / "uv")


def _holds_everything(place: Path) -> bool:
    if not place.is_dir() or os.statvfs(place).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(place).free, _memory_available()) > ROOM_NEEDED


def _memory_available() -> int:
    """Bytes, of memory that holds nothing or only a cache (proc_meminfo(5)); 0 where that is not told."""
    with suppress(FileNotFoundError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0
