"""How tests are shared out among xdist's workers."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

TOGETHER = (
    "tests/platform/",
    "tests/browser/",
    "tests/api/test_relay_killed.py",
    "tests/legacy/test_adoption.py",
    "tests/scale/",
    "tests/security/test_other_roles.py",
    "tests/tooling/test_client.py",
    "tests/tooling/test_dev.py",
    "tests/tooling/test_reload.py",
)
"""Folders and files whose tests share what takes long to start, or make what there is one of on a server."""


class PlatformTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist's schedulers are untyped
    """Each test goes to any free worker, but those of a place in TOGETHER to one: it builds and starts only once.

    `--dist loadgroup` would do this by itself, but xdist 3.8 cannot tell groups under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((place for place in TOGETHER if nodeid.startswith(place)), nodeid)
