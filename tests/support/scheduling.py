"""How tests are shared out among xdist's workers."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

PLATFORM = "tests/platform/"


class PlatformTogether(LoadScopeScheduling):  # type: ignore[misc] # xdist's schedulers are untyped
    """Each test goes to any free worker, but all platform tests to one, which builds with the Vercel tools only once.

    `--dist loadgroup` would do this by itself, but xdist 3.8 cannot tell groups under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return PLATFORM if nodeid.startswith(PLATFORM) else nodeid
