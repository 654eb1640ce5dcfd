"""The statements of `lib.db.sql` as SQLAlchemy compiled them before: `make statements` writes them to compiled.json.

SQLAlchemy is half of what a cold start imports, and all that a request needs of it is the text of a few statements.
"""

import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from lib.db.bound import Bound, Compiled

FILE = Path(__file__).with_name("compiled.json")


class Named[Row]:
    """A statement by the name of its module in `lib.db.sql` and its own. Called with a value for each parameter."""

    def __init__(self, name: str, row: type | None = None) -> None:
        self.name, self.row = name, row

    def __call__(self, **values: object) -> Bound[Row]:
        """Bind the statement. Raises `TypeError` where a parameter has no value, or a value no parameter."""
        return self._compiled.bind(values)

    @cached_property
    def _compiled(self) -> Compiled:
        written = _file()[self.name]
        text = "\n".join(written["sql"])
        return Compiled(text, written["constants"], frozenset(written["names"]), written["encodings"])


def statement(name: str) -> Named[Any]:
    """A statement whose rows nobody reads."""
    return Named(name)


def query[Row: Mapping[str, Any]](name: str, row: type[Row]) -> Named[Row]:
    """A statement that gives rows."""
    return Named(name, row)


@cache
def _file() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
    return found
