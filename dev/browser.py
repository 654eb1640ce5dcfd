"""Chromium for the tests of the pages: the system's, or the one that an npm package brings."""

from __future__ import annotations

import shutil
from pathlib import Path

from dev.node import Node
from dev.pages import PagesError, run
from dev.settings import ROOT

FALLBACK = ROOT / "client" / "browser" / "chromium"
"""Pins a Chromium for Linux, which is installed only where the system has none."""

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
    if not (FALLBACK / "node_modules").exists():
        run([*node.npm, "ci", "--loglevel=error"], node, folder=FALLBACK)
    unpacked = run([*node.node, "unpack.mjs"], node, folder=FALLBACK).strip()
    if not Path(unpacked).exists():
        raise PagesError("there is no Chromium: install one, or Google Chrome")
    return unpacked
