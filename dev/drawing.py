"""`make drawing`: draw the rooms of the repository and what they import of each other into docs/ROOMS.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dev.settings import ROOT

DRAWING = ROOT / "docs" / "ROOMS.md"

# A folder with a room of its own inside stands for the rest of it.
ROOMS = (
    *("api", "lib", "lib/http", "lib/steps", "lib/db"),
    *("serving", "dev", "dev/openapi", "scripts", "migrations", "migrations/legacy", "bench", "tests"),
)
# What is said of a room without an __init__.py.
PURPOSES = {
    "api": "The functions' entry files: a docstring, one import, `app = …`.",
    "scripts": "What operators run.",
    "migrations": "The revisions of the schema, and how Alembic runs them.",
    "tests": "The tests, and what they share.",
}

TEXT = """# The rooms

`make drawing` writes this file from the code; `tests/unit/test_architecture.py` holds that it is what the code gives,
and says which imports are allowed. An arrow means "imports".

```mermaid
graph TD
{nodes}
{arrows}
```

| room | what it is for |
|---|---|
{rows}
"""


def main() -> None:
    """Write the drawing, and print how many lines of code each room has."""
    DRAWING.write_text(drawing())
    for room in ROOMS:
        print(f"{room:<20}{sum(map(_lines_of_code, files_of(room))):>7} lines of code")


def drawing() -> str:
    """The text of docs/ROOMS.md as the code gives it."""
    nodes = [f'    {_node(room)}["{room}"]' for room in ROOMS]
    arrows = [f"    {_node(room)} --> {_node(other)}" for room in ROOMS for other in sorted(imported_rooms(room))]
    rows = [f"| `{room}/` | {purpose(room)} |" for room in ROOMS]
    return TEXT.format(nodes="\n".join(nodes), arrows="\n".join(arrows), rows="\n".join(rows))


def purpose(room: str) -> str:
    """The first line of the package's docstring, or what is said here of a folder without one."""
    package = ROOT / room / "__init__.py"
    docstring = ast.get_docstring(ast.parse(package.read_text())) if package.exists() else None
    return docstring.partition("\n")[0] if docstring else PURPOSES[room]


def files_of(room: str) -> list[Path]:
    """The Python files of a room, without those of the rooms inside it."""
    files = [file.relative_to(ROOT) for file in sorted((ROOT / room).rglob("*.py"))]
    # What a tool keeps in a folder such as .cache is not ours.
    ours = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    return [ROOT / file for file in ours if room_of(file.as_posix()) == room]


def imported_rooms(room: str) -> set[str]:
    """The other rooms that the files of a room import from."""
    names = {name for file in files_of(room) for name in imported_names(file)}
    return {other for name in names if (other := room_of(name.replace(".", "/"))) and other != room}


def imported_names(file: Path) -> Iterator[str]:
    """Everything that a file imports, with dots, down to the names that it takes from a module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: str) -> str | None:
    """The innermost room that a path lies in; None for what is none of ours."""
    inside = [room for room in ROOMS if path == room or path.startswith(f"{room}/")]
    return max(inside, key=len, default=None)


def _node(room: str) -> str:
    return re.sub(r"\W", "_", room)


def _lines_of_code(file: Path) -> int:
    lines: Iterable[str] = map(str.strip, file.read_text().splitlines())
    return sum(1 for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    main()
