"""Where the import reads: a folder of progress files, an old database, or both."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from migrations.legacy.identity import FILE_NAME, GLOBAL_FILE, is_user_id
from migrations.legacy.index import Index, Pointer
from migrations.legacy.old_database import OldDatabase
from migrations.legacy.old_rows import TABLES, Row, found_in_row
from migrations.legacy.progress_file import SOURCE, found_in_file, read_progress_file
from migrations.legacy.records import SESSION, Found

WHOLE_FILE = "files"
"""The kind of a pointer to a progress file, which holds things of many kinds."""

Rows = Mapping[tuple[str, str], Row]


@dataclass(frozen=True)
class Sources:
    """What there is to read. `opened` decrypts a row's key, where a migration has encrypted it."""

    files: Path | None
    database: OldDatabase | None
    opened: Callable[[Row], Row] = lambda row: row

    def note(self, index: Index) -> None:
        """Note all that there is, and every id that can be read off it."""
        if self.database is not None:
            for kind in TABLES:
                if kind == SESSION:
                    index.note_sessions(self.database.references(kind))
                index.note(self.database.name, kind, self.database.references(kind))
        names = (FILE_NAME.fullmatch(name) for name in self.file_names())
        index.know((name["user"] for name in names if name and is_user_id(name["user"])), from_name=True)
        index.note(SOURCE, WHOLE_FILE, ((name, name) for name in self.file_names()))

    def file_names(self) -> Iterator[str]:
        """Yield the names of the progress files."""
        if self.files is not None:
            with os.scandir(self.files) as entries:
                names = (entry.name for entry in entries if entry.is_file())
                yield from (name for name in names if name == GLOBAL_FILE or FILE_NAME.fullmatch(name))

    def read_file(self, name: str) -> Found:
        """Read a progress file. Raises BrokenValue."""
        return found_in_file(name, read_progress_file((self.files or Path()) / name))

    def rows(self, pointers: Iterable[Pointer]) -> Rows:
        """Fetch the database rows that are pointed to, by kind and id."""
        ids: dict[str, list[object]] = {}
        for pointer in pointers:
            if pointer.kind != WHOLE_FILE:
                ids.setdefault(pointer.kind, []).append(pointer.ref)
        if self.database is None:
            return {}
        return {(kind, str(row["id"])): row for kind, refs in ids.items() for row in self.database.rows(kind, refs)}

    def read_row(self, pointer: Pointer, rows: Rows) -> Found:
        """Understand a fetched row."""
        row = rows.get((pointer.kind, str(pointer.ref)))
        return Found() if row is None else found_in_row(pointer.source, pointer.kind, self.opened(row))
