"""What an import did: counts per source and kind, and lists that are spooled to disk so that memory stays flat."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from migrations.legacy.merge import VERDICTS
from migrations.legacy.records import KINDS

LISTS = ("unmatched", "broken", "passed_over", "lost")
_SHOWN = 20


class Report:
    """Counts and lists of one run. Holds places, ids and names of fields, never what was stored in them."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str]] = Counter()
        self.verdicts: Counter[tuple[str, str, str]] = Counter()
        self.users = 0
        self._spools: dict[str, IO[str]] = {name: tempfile.TemporaryFile("w+") for name in LISTS}  # noqa: SIM115
        self.lengths: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for spool in self._spools.values():
            spool.close()

    def note(self, name: str, **entry: object) -> None:
        """Add an entry to one of the lists."""
        self.lengths[name] += 1
        self._spools[name].write(json.dumps(entry, ensure_ascii=True) + "\n")

    def entries(self, name: str) -> Iterator[dict[str, Any]]:
        """Read a list back."""
        self._spools[name].seek(0)
        yield from map(json.loads, self._spools[name])
        self._spools[name].seek(0, os.SEEK_END)

    def reconciliation(self) -> list[dict[str, Any]]:
        """Count, for each source and kind, what was found and what became of it; `balanced` if all is accounted for."""
        rows = []
        for source, kind in sorted(self.found, key=lambda name: (name[0], KINDS.index(name[1]))):
            counts = {verdict: self.verdicts[source, kind, verdict] for verdict in VERDICTS}
            found = self.found[source, kind]
            named = {verdict.replace(" ", "_"): count for verdict, count in counts.items()}
            row = {"source": source, "kind": kind, "found": found, **named}
            rows.append({**row, "balanced": found == sum(counts.values())})
        return rows

    def is_balanced(self) -> bool:
        """Whether everything that was found is accounted for, and stands in the target as it was planned."""
        return all(row["balanced"] for row in self.reconciliation()) and not self.lengths["lost"]

    def write_json(self, path: Path, **head: object) -> None:
        """Write the whole report to a file, complete or not at all."""
        partial = path.with_name(path.name + ".partial")
        with partial.open("w") as file:
            document = {**head, "users": self.users, "balanced": self.is_balanced()}
            file.write(json.dumps({**document, "reconciliation": self.reconciliation()}, indent=1)[:-2])
            for name in LISTS:
                file.write(f',\n "{name}": [\n  ')
                _write_joined(file, self.entries(name))
                file.write("\n ]")
            file.write("\n}\n")
        partial.replace(path)

    def lines(self) -> Iterator[str]:
        """Yield the report for a terminal; what nobody could be found for is listed whole, the rest in part."""
        for entry in self.entries("unmatched"):
            yield f"unmatched: {entry['place']}: {entry['old']}: {entry['reason']}"
        for entry in self.entries("broken"):
            yield f"broken: {entry['place']}: {entry['problem']}"
        for name in ("passed_over", "lost"):
            for entry in islice(self.entries(name), _SHOWN):
                yield f"{name.replace('_', ' ')}: " + ", ".join(f"{key} {value}" for key, value in entry.items())
            if self.lengths[name] > _SHOWN:
                yield f"… and {self.lengths[name] - _SHOWN} more: see --report"
        yield from _table(self.reconciliation())


def _write_joined(file: IO[str], entries: Iterator[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        file.write((",\n  " if number else "") + json.dumps(entry))


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    heads = ["source", "kind", "found", *(verdict.replace(" ", "_") for verdict in VERDICTS)]
    cells = [[head.replace("_", " ") for head in heads], *([str(row[head]) for head in heads] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for number, row in enumerate(cells):
        names = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        counts = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        note = "" if number == 0 or rows[number - 1]["balanced"] else "  <- does not add up"
        yield "  ".join([*names, *counts]) + note
