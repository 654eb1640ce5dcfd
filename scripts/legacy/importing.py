"""Brings old files and an old database into the target: who owns what, then batch by batch of users.

A batch is one transaction. A run that was killed is simply begun again: what is there already is compared, not written.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

from scripts.legacy.identity import FILE_NAME, GLOBAL_FILE, is_user_id
from scripts.legacy.index import Index, Pointer
from scripts.legacy.merge import IMPORTED, PASSED_OVER, UNMATCHED, Merged, changed, passed_over, verdicts
from scripts.legacy.old_database import OldDatabase
from scripts.legacy.old_rows import TABLES, Row, found_in_row
from scripts.legacy.owners import owner_of_file, owner_of_row, owner_of_session
from scripts.legacy.plan import planned
from scripts.legacy.progress_file import SOURCE, found_in_file, read_progress_file
from scripts.legacy.records import SESSION, Found, Key, Place, Record, State
from scripts.legacy.report import Report
from scripts.legacy.target import Target
from scripts.legacy.values import BrokenValue

BATCH_USERS = 25
WHOLE_FILE = "files"


@dataclass(frozen=True)
class _Plan:
    """What is to become of one user."""

    user: str
    found: Found
    before: State
    after: State
    merged: Merged
    names: Sequence[Key]
    is_erased: bool = False

    @classmethod
    def make(cls, user: str, found: Found, before: State | None) -> "_Plan":
        if before is None:
            return cls(user, found, {}, {}, Merged(), (), is_erased=True)
        after, merged = planned(before, found.records)
        return cls(user, found, before, after, merged, changed(before, after))


Settled = Callable[[Sequence[Record]], object]
Opened = Callable[[Row], Row]


@dataclass(frozen=True)
class Sources:
    """Where to read: a folder of progress files, an old database, or both. `opened` decrypts a row's key if need be."""

    files: Path | None
    database: OldDatabase | None
    opened: Opened = lambda row: row

    def file_names(self) -> Iterator[str]:
        """Yield the names of the progress files."""
        if self.files is not None:
            with os.scandir(self.files) as entries:
                names = (entry.name for entry in entries if entry.is_file())
                yield from (name for name in names if name == GLOBAL_FILE or FILE_NAME.fullmatch(name))


@dataclass(frozen=True)
class Importer:
    """One run. `transaction` opens a transaction of the target; a dry run writes nothing."""

    sources: Sources
    target: Target
    index: Index
    report: Report
    transaction: Callable[[], AbstractContextManager[object]]
    dry_run: bool = False
    settled: Settled = len
    """Told, user by user, which records stand in the target whole, and through this run."""

    def prepare(self, user_ids: Iterable[str], assignments: Sequence[tuple[str, str]]) -> int:
        """Find out whose everything is; give the number of users. What is nobody's goes into the report."""
        self.index.know(user_ids)
        self.index.know(user for _, user in assignments)
        self.index.assign(assignments)
        self._note_database()
        self._note_files()
        # Only now is every id known that a hash can be matched to.
        for kind in TABLES:
            self.index.resolve(kind, owner_of_session if kind == SESSION else owner_of_row)
        self.index.resolve(WHOLE_FILE, owner_of_file)
        self.index.finish()
        for pointer in self.index.unmatched():
            self._report_unmatched(pointer)
        return self.index.count_users()

    def run(self, advanced: Callable[[int], object]) -> None:
        """Import every user; `advanced` is told after each batch how many users it had."""
        for batch in batched(self.index.users(), BATCH_USERS):
            self._import_batch(batch)
            self.report.users += len(batch)
            advanced(len(batch))

    def _note_database(self) -> None:
        database = self.sources.database
        if database is None:
            return
        for kind in TABLES:
            self.report.found[database.name, kind] = database.count(kind)
            if kind == SESSION:
                self.index.note_sessions(database.references(kind))
            self.index.note(database.name, kind, database.references(kind))

    def _note_files(self) -> None:
        parts = (FILE_NAME.fullmatch(name) for name in self.sources.file_names())
        names = (part["user"] for part in parts if part)
        self.index.know((name for name in names if is_user_id(name)), from_name=True)
        self.index.note(SOURCE, WHOLE_FILE, ((name, name) for name in self.sources.file_names()))

    def _import_batch(self, batch: Sequence[tuple[str, list[Pointer]]]) -> None:
        rows = self._rows(pointer for _, pointers in batch for pointer in pointers)
        found = [(user, self._found(pointers, rows)) for user, pointers in batch]
        users = [user for user, _ in found]
        with self.transaction():
            before = self.target.load(users, lock=not self.dry_run)
            plans = [_Plan.make(user, things, state) for (user, things), state in zip(found, before, strict=True)]
            written = [] if self.dry_run else [plan for plan in plans if plan.names]
            self.target.write([(plan.user, plan.after, plan.names) for plan in written])
            held = self.target.load([plan.user for plan in written], lock=False)
        reread = dict(zip((plan.user for plan in written), held, strict=True))
        for plan in plans:
            self._report_user(plan, reread.get(plan.user, plan.after) or {})

    def _rows(self, pointers: Iterable[Pointer]) -> dict[tuple[str, str], Row]:
        """Fetch all the database rows of a batch, by kind and id."""
        ids: dict[str, list[object]] = {}
        for pointer in pointers:
            if pointer.kind != WHOLE_FILE:
                ids.setdefault(pointer.kind, []).append(pointer.ref)
        database = self.sources.database
        if database is None:
            return {}
        return {(kind, str(row["id"])): row for kind, refs in ids.items() for row in database.rows(kind, refs)}

    def _found(self, pointers: Sequence[Pointer], rows: dict[tuple[str, str], Row]) -> Found:
        """Read all that a user has in the sources."""
        everything = Found()
        for pointer in pointers:
            if pointer.kind == WHOLE_FILE:
                found = self._read_file(pointer)
            else:
                row = rows.get((pointer.kind, str(pointer.ref)))
                found = found_in_row(pointer.source, pointer.kind, self.sources.opened(row)) if row else Found()
            everything.records += found.records
            everything.broken += found.broken
        return everything

    def _read_file(self, pointer: Pointer) -> Found:
        """Read a progress file and count what is in it; a broken one is reported and counts as one session."""
        folder = self.sources.files or Path()
        try:
            found = found_in_file(pointer.ref, read_progress_file(folder / pointer.ref))
        except BrokenValue as error:
            self.report.found[SOURCE, SESSION] += 1
            self.report.verdicts[SOURCE, SESSION, UNMATCHED] += 1
            return Found(broken=[(Place(SOURCE, pointer.ref), str(error))])
        for record in found.records:
            self.report.found[SOURCE, record.kind] += 1
        return found

    def _report_unmatched(self, pointer: Pointer) -> None:
        if pointer.kind == WHOLE_FILE:
            found = self._read_file(pointer)
            for record in found.records:
                self.report.verdicts[SOURCE, record.kind, UNMATCHED] += 1
            self._report_broken(found)
            place = Place(SOURCE, pointer.ref)
        else:
            self.report.verdicts[pointer.source, pointer.kind, UNMATCHED] += 1
            place = Place(pointer.source, f"{TABLES[pointer.kind]} id {pointer.ref}")
        self.report.note("unmatched", place=str(place), old=pointer.old, reason=pointer.reason)

    def _report_broken(self, found: Found) -> None:
        for place, problem in found.broken:
            self.report.note("broken", place=str(place), problem=problem)

    def _report_user(self, plan: "_Plan", after: State) -> None:
        """Judge a user's records by what the target was found to hold after the write."""
        self._report_broken(plan.found)
        if plan.is_erased:
            for record in plan.found.records:
                self.report.verdicts[record.place.source, record.kind, PASSED_OVER] += 1
            self.report.note("passed_over", user=plan.user, place="everything", winner="the account was erased")
            return
        judged = verdicts(plan.before, after, plan.found.records)
        for record, verdict in judged:
            self.report.verdicts[record.place.source, record.kind, verdict] += 1
        losers = passed_over(plan.merged, after, plan.found.records)
        incomplete = {loser.record.place for loser in losers} | {place for place, _ in plan.found.broken}
        self.settled([record for record, verdict in judged if verdict == IMPORTED and record.place not in incomplete])
        for loser in losers:
            record = loser.record
            thing = f"{record.kind} {record.key}".strip()
            where = {"place": str(record.place), "winner": str(loser.winner)}
            self.report.note("passed_over", user=plan.user, thing=thing, field=loser.group, **where)
        for kind, key in changed(after, plan.after):
            self.report.note("lost", user=plan.user, thing=f"{kind} {key}".strip())
