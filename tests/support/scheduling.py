"""How tests are shared out among xdist's workers."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = ("tests/platform/", "tests/browser/")
"""Folders whose tests share what takes long to start."""


class PlatformTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist's schedulers are untyped
    """Each test goes to any free worker, but those of a folder in TOGETHER to one: it builds and starts only once.

    `--dist loadgroup` would do this by itself, but xdist 3.8 cannot tell groups under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)
