"""The plan for each user, and the verdict on each record by what the target really holds afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

from migrations.legacy.merge import IMPORTED, PASSED_OVER, Merged, changed, passed_over, verdicts
from migrations.legacy.old_rows import SEALED_WITH_ANOTHER_KEY
from migrations.legacy.plan import planned
from migrations.legacy.records import Found, Key, PassedOver, Record, State
from migrations.legacy.report import Report


@dataclass(frozen=True)
class UserPlan:
    """What is to become of one user; `names` are the things to write."""

    user: str
    found: Found
    before: State
    after: State
    merged: Merged
    names: Sequence[Key]
    is_erased: bool = False

    @classmethod
    def make(cls, user: str, found: Found, before: State | None) -> "UserPlan":
        """Plan a user; `before` is None for an account that was erased, which gets nothing."""
        if before is None:
            return cls(user, found, {}, {}, Merged(), (), is_erased=True)
        after, merged = planned(before, found.records)
        return cls(user, found, before, after, merged, changed(before, after))


def report_user(report: Report, plan: UserPlan, after: State) -> list[Record]:
    """Report on a user by what the target was found to hold; give the records that now stand in it whole."""
    report_broken(report, plan.found)
    if plan.is_erased:
        for record in plan.found.records:
            report.verdicts[record.place.source, record.kind, PASSED_OVER] += 1
        report.note("passed_over", user=plan.user, place="everything", winner="the account was erased")
        return []
    classified = verdicts(plan.before, after, plan.found.records)
    for record, verdict in classified:
        report.verdicts[record.place.source, record.kind, verdict] += 1
    losers = passed_over(plan.merged, after, plan.found.records)
    for loser in losers:
        _report_loser(report, plan.user, loser)
    for kind, key in changed(after, plan.after):
        report.note("lost", user=plan.user, thing=f"{kind} {key}".strip())
    incomplete = {loser.record.place for loser in losers} | {place for place, _ in plan.found.broken}
    return [record for record, verdict in classified if verdict == IMPORTED and record.place not in incomplete]


def report_broken(report: Report, found: Found) -> None:
    """List what could not be taken as it stands."""
    for place, problem in found.broken:
        report.note("broken", place=str(place), problem=problem)
        report.unreadable["keys"] += problem.endswith(SEALED_WITH_ANOTHER_KEY)


def _report_loser(report: Report, user: str, loser: PassedOver) -> None:
    record = loser.record
    thing = f"{record.kind} {record.key}".strip()
    where = {"place": str(record.place), "winner": str(loser.winner)}
    report.note("passed_over", user=user, thing=thing, field=loser.group, **where)
