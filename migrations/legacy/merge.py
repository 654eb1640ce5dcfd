"""What the target shall hold of one user, out of what it holds and what the old sources say. Pure.

The rule: field group by field group the newer value stands; on a tie the target's, then the file's. A group that only
one side has is kept. What was not taken is named with the place of what stood in its way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from migrations.legacy.records import ANALYSIS, PREFERENCES, SESSION, Held, Key, PassedOver, Place, Rank, Record, State
from migrations.legacy.values import same

IN_TARGET = Place("target", "already there")


@dataclass(frozen=True)
class Candidate:
    """A value for a field group; `record` is None for the target's own."""

    value: Any
    time: datetime
    rank: Rank
    record: Record | None


@dataclass
class Merged:
    """The things merged so far, and for each of their groups whose value it is."""

    held: dict[Key, Held] = field(default_factory=dict)
    winners: dict[tuple[Key, str], Candidate] = field(default_factory=dict)

    def settle(self, name: Key, group: str, candidates: Iterable[Candidate]) -> Any:
        """Choose the newest candidate, note it, and give its value; None when there is no candidate."""
        newest = max(candidates, key=lambda candidate: (candidate.time, candidate.rank), default=None)
        if newest is None:
            return None
        self.winners[name, group] = newest
        return newest.value


def merge_groups(merged: Merged, name: Key, before: Held | None, records: Sequence[Record]) -> None:
    """Merge all that is said of one thing into `merged`.

    What has no value is not made, but for an analysis, which names a website, and preferences, which have defaults.
    """
    groups = dict.fromkeys(group for source in (before, *records) if source for group in source.values)
    values = {group: merged.settle(name, group, candidates(group, before, records)) for group in groups}
    if values or name[0] in {PREFERENCES, ANALYSIS}:
        times = [source.time for source in (before, *records) if source]
        made = [source.created_at for source in (before, *records) if source and source.created_at]
        merged.held[name] = Held(values, max(times), min(made, default=None))


def candidates(group: str, before: Held | None, records: Sequence[Record]) -> list[Candidate]:
    """Collect the values that the target and the records have for one field group."""
    having = [record for record in records if group in record.values]
    found = [Candidate(record.values[group], record.time, record.rank, record) for record in having]
    if before and group in before.values:
        found.append(Candidate(before.values[group], before.time, Rank.TARGET, None))
    # Of two of the same moment and rank, `max` takes the first; the later record is the one to stand.
    return found[::-1]


def by_name(records: Iterable[Record]) -> dict[Key, list[Record]]:
    """Sort records by what they are about."""
    sorted_records: dict[Key, list[Record]] = {}
    for record in records:
        sorted_records.setdefault(record.name, []).append(record)
    return sorted_records


def changed(before: State, after: State) -> list[Key]:
    """List the things that have to be written."""
    return [name for name, held in after.items() if name not in before or not _same_values(before[name], held)]


def passed_over(merged: Merged, after: State, records: Iterable[Record]) -> list[PassedOver]:
    """List the field groups whose value is not the one that stands afterwards."""
    found = []
    for record in records:
        for group, value in record.values.items():
            if record.kind == SESSION and group != "current_step":
                continue  # the earliest beginning and the end that a file notes stand; the rest is derived
            if not _stands(after, record.name, group, value):
                winner = merged.winners.get((record.name, group))
                found.append(PassedOver(record, group, winner.record.place if winner and winner.record else IN_TARGET))
    return found


def _stands(after: State, name: Key, group: str, value: Any) -> bool:
    return name in after and same(after[name].values.get(group), value)


def _same_values(one: Held, other: Held) -> bool:
    groups = {*one.values, *other.values}
    return all(same(one.values.get(group), other.values.get(group)) for group in groups)


IMPORTED, ALREADY_THERE, PASSED_OVER, UNMATCHED = "imported", "already there", "passed over", "unmatched"
VERDICTS = (IMPORTED, ALREADY_THERE, PASSED_OVER, UNMATCHED)


def verdicts(before: State, after: State, records: Sequence[Record]) -> list[tuple[Record, str]]:
    """Judge each record by what the target held before and holds afterwards, whoever wrote it.

    Imported: something of it is new to the target. Already there: all of it was, or an equal record brought it.
    Passed over: something else stands in its place.
    """
    claimed: set[tuple[Key, str]] = set()
    newest_first = sorted(records, key=lambda record: (record.time, record.rank), reverse=True)
    return [(record, _verdict(before, after, record, claimed)) for record in newest_first]


def _verdict(before: State, after: State, record: Record, claimed: set[tuple[Key, str]]) -> str:
    groups = {"current_step"} & record.values.keys() if record.kind == SESSION else set(record.values)
    standing = {group for group in groups if _stands(after, record.name, group, record.values[group])}
    new = {(record.name, group) for group in standing if not _stands(before, record.name, group, record.values[group])}
    if record.name in after and record.name not in before and (standing or not groups or record.kind == SESSION):
        new.add((record.name, ""))
    if new - claimed:
        claimed |= new
        return IMPORTED
    return ALREADY_THERE if standing == groups and record.name in after else PASSED_OVER
