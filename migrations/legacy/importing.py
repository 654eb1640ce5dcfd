"""Brings old files and an old database into the target: who owns what, then batch by batch of users.

A batch is one transaction. A run that was killed is simply begun again: what is there already is compared, not written.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import batched

from migrations.legacy.index import Index, Pointer
from migrations.legacy.merge import UNMATCHED
from migrations.legacy.old_rows import NAMING_THEIR_USER, TABLES
from migrations.legacy.outcome import UserPlan, report_broken, report_user
from migrations.legacy.owners import owner_of_file, owner_of_row, owner_of_session
from migrations.legacy.progress_file import SOURCE
from migrations.legacy.records import API_KEY, SESSION, Found, Place, Record
from migrations.legacy.report import Report
from migrations.legacy.sources import WHOLE_FILE, Rows, Sources
from migrations.legacy.target import Target
from migrations.legacy.unclaimed import unclaimed
from migrations.legacy.values import BrokenValue

BATCH_USERS = 25

Settled = Callable[[Sequence[Record]], object]


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
        if database := self.sources.database:
            for kind in TABLES:
                self.report.found[database.name, kind] = database.count(kind)
        self.sources.note(self.index)
        # Only now is every id known that a hash can be matched to.
        for kind in TABLES:
            self.index.resolve(kind, owner_of_session if kind in NAMING_THEIR_USER else owner_of_row)
        self.index.resolve(WHOLE_FILE, owner_of_file)
        self.index.finish()
        for pointer in self.index.unmatched():
            self._report_unmatched(pointer)
        for entry in unclaimed(self.sources, self.index.unmatched_by_old()):
            self.report.note("unmatched_ids", **entry)
        return self.index.count_users()

    def run(self, advanced: Callable[[int], object]) -> None:
        """Import every user; `advanced` is told after each batch how many users it had."""
        for batch in batched(self.index.users(), BATCH_USERS):
            self._import_batch(batch)
            self.report.users += len(batch)
            advanced(len(batch))

    def _import_batch(self, batch: Sequence[tuple[str, list[Pointer]]]) -> None:
        rows = self.sources.rows(pointer for _, pointers in batch for pointer in pointers)
        found = [(user, self._found(pointers, rows)) for user, pointers in batch]
        with self.transaction():
            before = self.target.load([user for user, _ in found], lock=not self.dry_run)
            plans = [UserPlan.make(user, things, state) for (user, things), state in zip(found, before, strict=True)]
            if self.dry_run and any(kind == API_KEY for plan in plans for kind, _ in plan.names):
                self.target.require_keys()
            written = [] if self.dry_run else [plan for plan in plans if plan.names]
            self.target.write([(plan.user, plan.after, plan.names) for plan in written])
            held = self.target.load([plan.user for plan in written], lock=False)
        reread = dict(zip((plan.user for plan in written), held, strict=True))
        for plan in plans:
            self.settled(report_user(self.report, plan, reread.get(plan.user, plan.after) or {}))

    def _found(self, pointers: Sequence[Pointer], rows: Rows) -> Found:
        """Read all that a user has in the sources."""
        everything = Found()
        for pointer in pointers:
            is_file = pointer.kind == WHOLE_FILE
            found = self._read_file(pointer) if is_file else self.sources.read_row(pointer, rows)
            everything.records += found.records
            everything.broken += found.broken
        return everything

    def _read_file(self, pointer: Pointer) -> Found:
        """Read a progress file and count what is in it; a broken one is reported and counts as one session."""
        try:
            found = self.sources.read_file(pointer.ref)
        except BrokenValue as error:
            self.report.unreadable["files"] += 1
            self.report.found[SOURCE, SESSION] += 1
            self.report.verdicts[SOURCE, SESSION, UNMATCHED] += 1
            return Found(broken=[(Place(SOURCE, pointer.ref), str(error))])
        for record in found.records:
            self.report.found[SOURCE, record.kind] += 1
        return found

    def _report_unmatched(self, pointer: Pointer) -> None:
        place = Place(SOURCE, pointer.ref)
        if pointer.kind == WHOLE_FILE:
            found = self._read_file(pointer)
            for record in found.records:
                self.report.verdicts[SOURCE, record.kind, UNMATCHED] += 1
            report_broken(self.report, found)
        else:
            self.report.verdicts[pointer.source, pointer.kind, UNMATCHED] += 1
            place = Place(pointer.source, f"{TABLES[pointer.kind]} id {pointer.ref}")
        self.report.note("unmatched", place=str(place), old=pointer.old, reason=pointer.reason)
