"""`make statements`: compile the statements of lib/db/sql into lib/db/compiled.json, which the functions send."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator

from lib.db import sql
from lib.db.bound import Compiled
from lib.db.compiled import FILE
from lib.db.statements import Statement


def main() -> None:
    """Write the file."""
    FILE.write_text(compiled())


def compiled() -> str:
    """The text of the file that belongs to the statements."""
    written = {name: _written(statement.compiled) for name, statement in statements()}
    return json.dumps(written, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def statements() -> Iterator[tuple[str, Statement]]:
    """Each statement with its module and name."""
    for module in pkgutil.iter_modules(sql.__path__):
        for name, value in vars(importlib.import_module(f"{sql.__name__}.{module.name}")).items():
            if isinstance(value, Statement):
                yield f"{module.name}.{name}", value


def _written(statement: Compiled) -> dict[str, object]:
    return {
        "sql": statement.sql.splitlines(),
        "constants": dict(statement.constants),
        "names": sorted(statement.names),
        "encodings": dict(statement.encodings),
    }


if __name__ == "__main__":
    main()
