"""One user's whole state after the import: the tables' rows, then the steps that show them, then the session. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from lib.steps.definitions import API_KEYS, COMPLETED, PENDING, WEBSITE, StepDefinition
from lib.steps.fields import DEFAULT_DEPTH
from lib.steps.providers import AI_PROVIDERS
from migrations.legacy.merge import Candidate, Merged, by_name, candidates, merge_groups
from migrations.legacy.payloads import KIND_OF_STEP, groups_of, payload_of, website_of, with_business, with_groups
from migrations.legacy.records import (
    ANALYSIS,
    API_KEY,
    BUSINESS,
    PREFERENCES,
    SESSION,
    STEP,
    Held,
    Key,
    Rank,
    Record,
    State,
)
from migrations.legacy.statuses import (
    LAST_STEP,
    NUMBERS,
    OLD_STEPS,
    REQUIRED_BEFORE_LAST,
    finished_steps,
    inferred_statuses,
    step_behind,
)
from migrations.legacy.values import EPOCH, same

_DEFAULTS: dict[str, dict[str, Any]] = {
    STEP: {"status": {"status": PENDING, "completed_at": None}},
    PREFERENCES: {"research_depth": DEFAULT_DEPTH, "content_types": [], "auto_research": True, "factual_content": True},
}
Records = Mapping[Key, Sequence[Record]]


def planned(before: State, records: Sequence[Record]) -> tuple[State, Merged]:
    """Merge the old records of a user into what the target holds; give the result, and whose value each group has."""
    merged, named = Merged(dict(before)), by_name(records)
    if not records:
        return before, merged
    for name, found in named.items():
        if name[0] not in {SESSION, STEP}:
            merge_groups(merged, name, before.get(name), found)
    for number in OLD_STEPS:
        _merge_step(merged, number, before, named)
    _show_business(merged)
    _infer_statuses(merged, before, named)
    _finish_by_data(merged, before)
    for name, held in merged.held.items():
        merged.held[name] = _with_defaults(name, held)
    _merge_session(merged, before, named, records)
    return merged.held, merged


def _with_defaults(name: Key, held: Held) -> Held:
    defaults = _DEFAULTS.get(name[0])
    if name[0] == ANALYSIS:
        defaults = {"status": COMPLETED, "analysis_date": held.time}
    return held if defaults is None else Held({**defaults, **held.values}, held.time, held.created_at)


def _merge_step(merged: Merged, number: int, before: State, named: Records) -> None:
    name = (STEP, str(number))
    held, files = before.get(name), named.get(name, ())
    merge_groups(merged, name, held, files)
    if held and held.time == EPOCH and _is_untouched(number, before, named.get((SESSION, ""), ())):
        _set(merged, name, {"status": {"status": PENDING, "completed_at": None}}, EPOCH)
    if number in KIND_OF_STEP:
        data, time = _payload(merged, number, candidates("data", held, files), named)
        if data is not None:
            _set(merged, name, {"data": data}, time)


def _is_untouched(number: int, before: State, sessions: Sequence[Record]) -> bool:
    """Whether a file says that a step is pending which was only inferred from a database that got no further."""
    reached = before[SESSION, ""].values["current_step"]
    return any(
        number in session.values.get("untouched", ()) and session.values["current_step"] >= reached
        for session in sessions
    )


def _payload(
    merged: Merged, number: int, payloads: Sequence[Candidate], named: Records
) -> tuple[dict[str, Any] | None, datetime]:
    """Choose the newest payload and put newer rows' values into it; without one, make it of a database's rows."""
    base = max(payloads, key=lambda candidate: (candidate.time, candidate.rank), default=None)
    current = _current(merged, number, named)
    if base is not None and isinstance(base.value, dict) and not _is_about_older_website(base, current, merged):
        return _overlaid(merged, number, base), base.time
    if current is None or (base is not None and not isinstance(base.value, dict)):
        return None, EPOCH
    return payload_of(number, current[1], merged.held[current].values), EPOCH


def _current(merged: Merged, number: int, named: Records) -> Key | None:
    """The thing that the step shows, if a database has a row of it; for step 2 the newest of the analyses."""
    names = [
        name
        for name, records in named.items()
        if name[0] == KIND_OF_STEP[number] and name in merged.held and any(record.row for record in records)
    ]
    return max(names, key=lambda name: (_analysed_at(merged.held[name]), name[1]), default=None)


def _is_about_older_website(base: Candidate, current: Key | None, merged: Merged) -> bool:
    """Whether a database has an analysis of another website that is newer than the payload."""
    if current is None or current[0] != ANALYSIS or current[1] == website_of(base.value):
        return False
    return merged.held[current].time > base.time and _analysed_at(merged.held[current]) > base.time


def _analysed_at(held: Held) -> datetime:
    analysed_at: datetime = held.values.get("analysis_date") or held.time
    return analysed_at


def _overlaid(merged: Merged, number: int, base: Candidate) -> dict[str, Any]:
    """The payload with the groups that a database's row, or for a file's payload the target, has newer."""
    said = groups_of(number, base.value)
    if said is None or said[0] not in merged.held:
        return dict(base.value)
    name, groups = said
    values, newer = merged.held[name].values, {}
    for group, value in groups.items():
        winner = merged.winners.get((name, group))
        from_outside = winner and (winner.rank is Rank.DATABASE or (base.record and winner.rank is Rank.TARGET))
        if from_outside and not same(values.get(group), value):
            newer[group] = values[group]
    return with_groups(number, base.value, newer)


def _infer_statuses(merged: Merged, before: State, named: Records) -> None:
    """Give the steps the statuses that an old database implies, where no file and no target knows better."""
    rows = [record for records in named.values() for record in records if record.rank is Rank.DATABASE]
    if not rows:
        return
    sessions = sorted((row for row in rows if row.kind == SESSION), key=lambda row: row.time)
    newest = sessions[-1] if sessions else None
    position = newest.values if newest else {}
    if (position.get("current_step") or 0) <= _known_step(before, named.get((SESSION, ""), ())):
        return
    kinds = {row.kind for row in rows if row.name in merged.held}
    with_data = [1] if API_KEY in kinds else []
    with_data += [number for number, kind in KIND_OF_STEP.items() if kind in kinds]
    statuses = inferred_statuses(position.get("current_step"), position.get("progress"), with_data)
    for number, status in statuses.items():
        if (STEP, str(number)) not in before and number not in finished_steps(merged.held):
            times = [row.time for row in rows if row.kind == KIND_OF_STEP.get(number, API_KEY) and row.time > EPOCH]
            completed_at = max(times, default=newest.time if newest else EPOCH)
            _set(merged, (STEP, str(number)), {"status": {"status": status, "completed_at": completed_at}}, EPOCH)


def _show_business(merged: Merged) -> None:
    """Let step 2's payload show the business information. A payload that is no object has no room for it."""
    name = (STEP, str(NUMBERS[WEBSITE.key]))
    held, business = merged.held.get(name), merged.held.get((BUSINESS, ""))
    payload = (held and held.values.get("data")) or {}
    if business and isinstance(payload, dict):
        _set(merged, name, {"data": with_business(payload, business.values)}, business.time)


def _finish_by_data(merged: Merged, before: State) -> None:
    """Finish the steps that whatever they need finishes: a key of an AI provider, a website or business information.

    A step that its user touched in the target is left alone: it may have been reset.
    """
    for step, is_needed in _FINISHED_BY.items():
        number = NUMBERS[step.key]
        name = (STEP, str(number))
        times = [held.time for name, held in merged.held.items() if is_needed(name)]
        is_touched = name in before and before[name].time > EPOCH
        if times and not is_touched and number not in finished_steps(merged.held):
            _set(merged, name, {"status": {"status": COMPLETED, "completed_at": max(times)}}, max(times))


_FINISHED_BY: Mapping[StepDefinition, Callable[[Key], bool]] = {
    API_KEYS: lambda name: name[0] == API_KEY and name[1] in AI_PROVIDERS,
    WEBSITE: lambda name: name[0] in {ANALYSIS, BUSINESS},
}


def _known_step(before: State, sessions: Sequence[Record]) -> int:
    """How far the user got by what notes steps one by one, a file or the target; -1 where nothing does."""
    steps = [session.values["current_step"] for session in sessions if session.rank is Rank.FILE]
    if any(kind == STEP and held.time > EPOCH for (kind, _), held in before.items()):
        steps.append(before[SESSION, ""].values["current_step"])
    return max(steps, default=-1)


def _merge_session(merged: Merged, before: State, named: Records, records: Sequence[Record]) -> None:
    name = (SESSION, "")
    held, sessions = before.get(name), sorted(named.get(name, ()), key=lambda record: (record.time, record.rank))
    finished = finished_steps(merged.held)
    completed_at = _completed_at(held, sessions, finished)
    started = [source.values.get("started_at") for source in (held, *sessions) if source]
    known = [record.time for record in records if record.time > EPOCH]
    values = {
        "started_at": min((time for time in started if time), default=min(known, default=EPOCH)),
        "current_step": max(_reached(held, sessions), step_behind(finished)),
        "completed_at": completed_at,
    }
    time = max((source.time for source in (held, *records) if source), default=EPOCH)
    merged.held[name] = Held(values, time)
    newest = sessions[-1] if sessions else None
    for group in ("current_step", "completed_at"):
        if newest:
            is_its = newest.values.get(group) == values[group]
            merged.winners[name, group] = Candidate(values[group], newest.time, newest.rank, newest if is_its else None)


def _reached(held: Held | None, sessions: Sequence[Record]) -> int:
    """The current step by what is stored: the target's if that is newer, else that of the newest old session too."""
    newest = sessions[-1] if sessions else None
    steps = [held.values["current_step"]] if held else []
    if newest and (held is None or held.time < newest.time):
        steps.append(min(max(newest.values.get("current_step") or 1, 1), LAST_STEP))
    return max(steps, default=1)


def _completed_at(held: Held | None, sessions: Sequence[Record], finished: set[int]) -> datetime | None:
    """When onboarding was completed. A target that was reset since stays so."""
    if held and held.values.get("completed_at"):
        return held.values["completed_at"]  # type: ignore[no-any-return]
    if held and not finished >= REQUIRED_BEFORE_LAST:
        return None
    times = [session.values.get("completed_at") for session in sessions]
    files_first = [session.values.get("completed_at") for session in sessions if session.rank is Rank.FILE]
    return next((time for time in (*files_first, *times[::-1]) if time), None)


def _set(merged: Merged, name: Key, values: Mapping[str, Any], time: datetime) -> None:
    """Set groups of a step, keeping its others and its time if it has one."""
    held = merged.held.get(name)
    merged.held[name] = Held({**(held.values if held else {}), **values}, held.time if held else time)
