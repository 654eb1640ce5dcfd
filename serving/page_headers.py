"""The headers of static pages, read from vercel.json's `headers`, so that every host sends what the platform sends."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PageHeaders:
    """Which headers a static file gets by its URL path."""

    rules: tuple[tuple[re.Pattern[str], tuple[tuple[str, str], ...]], ...]

    @classmethod
    def read(cls, root: Path) -> PageHeaders:
        """Read vercel.json of a project. A source must be a plain regular expression, which has no named parameter."""
        entries = json.loads((root / "vercel.json").read_text()).get("headers", [])
        return cls(
            tuple(
                (re.compile(entry["source"]), tuple((header["key"], header["value"]) for header in entry["headers"]))
                for entry in entries
            )
        )

    def of(self, path: str) -> list[tuple[str, str]]:
        """Give the headers for a URL path."""
        return [header for source, headers in self.rules if source.fullmatch(path) for header in headers]
