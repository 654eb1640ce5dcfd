"""What an import did: counts per source and kind, and lists that are spooled to disk so that memory stays flat."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import nlargest
from itertools import groupby, islice
from pathlib import Path
from textwrap import wrap
from types import TracebackType
from typing import IO, Any, Self

from migrations.legacy.merge import IMPORTED, VERDICTS
from migrations.legacy.records import KINDS
from migrations.legacy.unclaimed import lines as unclaimed_lines

LISTS = ("unmatched", "unmatched_ids", "broken", "passed_over", "lost")
_SHOWN = 20
_PLACES_SHOWN = 5
_COLUMNS = 80
_WOULD = {IMPORTED: "would import"}


class Report:
    """Counts and lists of one run. Holds places, ids and names of fields, never what was stored in them."""

    def __init__(self) -> None:
        self.found: Counter[tuple[str, str]] = Counter()
        self.verdicts: Counter[tuple[str, str, str]] = Counter()
        self.users = 0
        self.unreadable: Counter[str] = Counter()
        """How many whole `files`, and how many encrypted `keys`, could not be read."""
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

    def lines(self, *, dry_run: bool = False) -> Iterator[str]:
        """Yield the report for a terminal: the newest of what nobody could be found for, and of each list the first."""
        yield from self._unmatched_lines()
        yield from self._broken_lines()
        for name in ("passed_over", "lost"):
            for entry in islice(self.entries(name), _SHOWN):
                text = f"{name.replace('_', ' ')}: " + ", ".join(f"{key} {value}" for key, value in entry.items())
                yield from _wrapped(text)
            if self.lengths[name] > _SHOWN:
                yield f"… and {self.lengths[name] - _SHOWN:,} more: see --report"
        yield from _tables(self.reconciliation(), _WOULD if dry_run else {})

    def _unmatched_lines(self) -> Iterator[str]:
        count = self.lengths["unmatched_ids"]
        if not count:
            return
        yield from _wrapped(
            f"unmatched: {counted(count, 'old id')} of nobody who is known. Where you recognize one, import again with "
            "its --assign:"
        )
        for entry in nlargest(_SHOWN, self.entries("unmatched_ids"), key=lambda entry: entry["last"] or ""):
            for line in unclaimed_lines(entry):
                yield from _wrapped(line)
        if count > _SHOWN:
            yield f"  … and {count - _SHOWN:,} more, changed longer ago: see unmatched_ids in --report"

    def _broken_lines(self) -> Iterator[str]:
        """Yield each problem once, with how often it was met and where first."""
        places: dict[str, list[str]] = {}
        counts: Counter[str] = Counter()
        for entry in self.entries("broken"):
            problem = entry["problem"]
            counts[problem] += 1
            if len(shown := places.setdefault(problem, [])) < _PLACES_SHOWN:
                shown.append(entry["place"])
        for problem, count in counts.items():
            yield from _wrapped(f"broken, {count:,} ×: {problem}")
            yield from (f"  {place}" for place in places[problem])
            if count > _PLACES_SHOWN:
                yield f"  … and {count - _PLACES_SHOWN:,} more: see --report"


def counted(count: int, noun: str) -> str:
    """How many there are of something: `1 file`, `7,599 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _write_joined(file: IO[str], entries: Iterator[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        file.write((",\n  " if number else "") + json.dumps(entry))


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()) + 4)
    return wrap(text, _COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _tables(rows: list[dict[str, Any]], words: Mapping[str, str]) -> Iterator[str]:
    """Yield a table for each source."""
    for source, found in groupby(rows, key=lambda row: row["source"]):
        yield f"\n{source}"
        yield from _table(list(found), words)


def _table(rows: list[dict[str, Any]], words: Mapping[str, str]) -> Iterator[str]:
    heads = ["kind", "found", *VERDICTS]
    cells = [[str(row[head.replace(" ", "_")]) for head in heads] for row in rows]
    titles = [words.get(head, head) for head in heads]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for number, row in enumerate([titles, *cells]):
        counts = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield " ".join(["", row[0].ljust(widths[0]), *counts])
        if number and not rows[number - 1]["balanced"]:
            yield f"   ^ {row[0]} do not add up"
