"""`make rewrites`: write the rewrites of vercel.json, which send each URL to the function that answers it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dev.harness.routes import routes_of_functions
from dev.settings import ROOT

VERCEL_JSON = ROOT / "vercel.json"
CATCH_ALL = "/{path:path}"

_LIST = re.compile(r'"rewrites": \[.*?\n  \]', re.DOTALL)
_MANY = re.compile(r"\{(\w+):path\}")
_ONE = re.compile(r"\{(\w+)\}")


def main() -> None:
    """Write the rewrites into vercel.json, one a line."""
    VERCEL_JSON.write_text(with_rewrites(VERCEL_JSON))


def with_rewrites(file: Path) -> str:
    """The text of vercel.json with the rewrites that the functions' routes need."""
    lines = [f'    {{ "source": {json.dumps(source)}, "destination": "{to}" }}' for source, to in rewrites()]
    listed = '"rewrites": [\n' + ",\n".join(lines) + "\n  ]"
    return _LIST.sub(lambda _: listed, file.read_text())


def rewrites() -> list[tuple[str, str]]:
    """Source and destination of each rewrite. The first that matches wins, so a named URL precedes a parameter."""
    paths = {
        (route.path, function)
        for function, routes in routes_of_functions().items()
        for route in routes
        if route.path != function
    }
    ordered = sorted(paths, key=lambda entry: (entry[0] == CATCH_ALL, entry[0].count("{"), entry))
    return [(_source(path), function) for path, function in ordered]


def _source(path: str) -> str:
    # Unlike a named parameter, an unnamed one is not appended to the query, which the AI backend gets as it was sent.
    return "/(.*)" if path == CATCH_ALL else _ONE.sub(r":\1", _MANY.sub(r":\1*", path))


if __name__ == "__main__":
    main()
