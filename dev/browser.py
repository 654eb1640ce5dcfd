"""Chromium for the tests of the pages: the system's, or the one that an npm package brings."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

from dev.node import Node
from dev.pages import PagesError, install, run
from dev.settings import ROOT

FALLBACK = ROOT / "client" / "browser" / "chromium"
"""Pins a Chromium for Linux on x86-64, with its libraries, which is installed only where the system has none."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_OF_MACOS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)


def find_browser(node: Node) -> str:
    """Give the path of a Chromium, installing one where there is none. Raises PagesError."""
    found = [path for name in _NAMES if (path := shutil.which(name))]
    found += [str(path) for path in _OF_MACOS if path.exists()]
    return found[0] if found else installed_browser(node)


def installed_browser(node: Node) -> str:
    """Install the pinned Chromium, once, and give its path. Raises PagesError."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise PagesError("there is no browser for the tests of the pages: install Chromium or Google Chrome")
    install(node, FALLBACK)
    return run([*node.node, "unpack.mjs"], node, folder=FALLBACK).strip()
