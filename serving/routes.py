"""Vercel's routing, read from vercel.json: the file system first, then the rewrites in their order.

Only the syntax that this project uses is supported: `:name`, `:name*` and a last `(.*)` in a source, a function as
destination.
Anything else raises ValueError at the start, so that local routing never silently differs from the platform's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PARAMETER = re.compile(r"/:(?P<name>[A-Za-z_]\w*)(?P<many>\*?)")
_REST = "(.*)"
_LITERAL = re.compile(r"[\w/.~%-]*")


@dataclass(frozen=True)
class Route:
    """Where a request goes: the function's URL path, and the query string as the function sees it."""

    function: str
    query: str


@dataclass(frozen=True)
class Rewrite:
    """One entry of vercel.json's `rewrites`."""

    expression: re.Pattern[str]
    destination: str

    @classmethod
    def parse(cls, entry: Mapping[str, str]) -> Rewrite:
        """Compile an entry; raises ValueError for unsupported syntax."""
        if set(entry) != {"source", "destination"} or not _LITERAL.fullmatch(entry["destination"]):
            raise ValueError(f"this rewrite is not supported by serving/routes.py: {dict(entry)}")
        return cls(re.compile(_expression(entry["source"])), entry["destination"])

    def match(self, path: str, query: str) -> Route | None:
        """Match a raw path. Named parameters are appended to the query string, as the platform does."""
        found = self.expression.fullmatch(path)
        if found is None:
            return None
        parameters = [f"{name}={value}" for name, value in found.groupdict().items() if value is not None]
        return Route(self.destination, "&".join(filter(None, [query, *parameters])))


@dataclass(frozen=True)
class RouteTable:
    """All routes of a project. `functions` maps a URL path such as /api/health to its file."""

    functions: Mapping[str, Path]
    rewrites: tuple[Rewrite, ...]

    @classmethod
    def read(cls, root: Path) -> RouteTable:
        """Read vercel.json and the files under api/ of a project."""
        entries = json.loads((root / "vercel.json").read_text()).get("rewrites", [])
        rewrites = tuple(Rewrite.parse(entry) for entry in entries)
        functions = _functions(root)
        for rewrite in rewrites:
            if rewrite.destination not in functions:
                raise ValueError(f"vercel.json rewrites to {rewrite.destination}, which is not a function under api/")
        return cls(functions, rewrites)

    def resolve(self, path: str, query: str = "") -> Route | None:
        """Find the function that answers a raw (still percent-encoded) path."""
        if path in self.functions:
            return Route(path, query)
        return next((route for rewrite in self.rewrites if (route := rewrite.match(path, query))), None)


def _functions(root: Path) -> dict[str, Path]:
    files = sorted((root / "api").rglob("*.py"))
    return {f"/{file.relative_to(root).with_suffix('').as_posix()}": file for file in files if file.name[0] != "_"}


def _expression(source: str) -> str:
    if source.endswith(_REST):
        return _expression(source.removesuffix(_REST)) + ".*"
    expression, position = "", 0
    for parameter in _PARAMETER.finditer(source):
        one = "[^/]+" if not parameter["many"] else "[^/]+(?:/[^/]+)*"
        group = f"/(?P<{parameter['name']}>{one})"
        expression += _literal(source[position : parameter.start()]) + (f"(?:{group})?" if parameter["many"] else group)
        position = parameter.end()
    return expression + _literal(source[position:])


def _literal(text: str) -> str:
    if not _LITERAL.fullmatch(text):
        raise ValueError(f"this part of a rewrite's source is not supported by serving/routes.py: {text}")
    return re.escape(text)
