"""What `scripts.onboarding_data` describes, as text for a person: how much, how long ago, and no wall of names."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.onboarding_data import Described

_LABELS = ("website_url", "research_depth", "primary_website")
_UNITS = (("year", 365 * 24 * 3600), ("month", 30 * 24 * 3600), ("day", 24 * 3600), ("hour", 3600), ("minute", 60))
_TITLE = 28


def lines(described: Described, now: datetime) -> Iterator[str]:
    """Yield the description for a terminal; `now` is what "3 hours ago" counts from."""
    yield f"database: {described['database']}"
    yield f"schema: {_schema(described['schema'])}"
    if "counts" in described:
        yield from _counts(described["counts"])
    if "user" in described:
        yield from _user(described["user"], now)
    if "history" in described:
        yield from _history(described["history"], now)


def ago(time: datetime, now: datetime) -> str:
    """How long a time is past, in its largest unit: `3 hours ago`."""
    seconds = (now - time) / timedelta(seconds=1)
    for name, length in _UNITS:
        if (count := int(seconds // length)) >= 1:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def kilobytes(size: int) -> str:
    """A size for a person; 1 KB is 1,000 bytes."""
    return f"{size / 1000:,.1f} KB" if size >= 50 else "under 0.1 KB"


def _schema(found: Described) -> str:
    revision, expected = found["revision"], found["expected_revision"]
    missing = [f"{name} (MISSING)" for name, there in found["tables"].items() if not there]
    state = f"revision {revision or 'none'}" + ("" if revision == expected else f", the code expects {expected}")
    return f"{state}, {', '.join(missing) if missing else f'all {len(found["tables"])} tables'}"


def _counts(counts: Described) -> Iterator[str]:
    width = max(map(len, counts["rows"]))
    yield from (f"  {name:<{width}}  {count:>9,} rows" for name, count in counts["rows"].items())
    yield f"users who completed: {counts['completed_users']:,}"


def _user(found: Described | None, now: datetime) -> Iterator[str]:
    if found is None:
        yield "user: unknown"
        return
    session = found["session"]
    yield f"user: {found['user_id']}"
    yield f"progress: {session['progress']:.1f} %, at step {session['current_step']}, {_activity(session, now)}"
    for step in found["steps"]:
        yield from _step(step, now)
    yield "missing for completion: " + (", ".join(found["missing"]) or "nothing")


def _history(events: Sequence[Described], now: datetime) -> Iterator[str]:
    yield "history, the newest first:" if events else "history: nothing was recorded"
    for event in events:
        told = [f"{name} {value}" for name, value in (event["detail"] or {}).items()]
        what = ", ".join([*([event["step"]] if event["step"] else []), *told])
        yield f"  {_ago(event['at'], now):<15} {event['kind']:<21} {what}"
        yield f"  {'':<15} request {event['request_id'] or 'unknown'}"


def _activity(session: Described, now: datetime) -> str:
    parts = [f"started {_ago(session['started_at'], now)}", f"last changed {_ago(session['updated_at'], now)}"]
    if session["completed_at"]:
        parts.append(f"completed {_ago(session['completed_at'], now)}")
    return ", ".join(parts)


def _step(step: Described, now: datetime) -> Iterator[str]:
    title = step["title"] + ("" if step["required"] else " (optional)")
    time = f" {_ago(step['completed_at'], now)}" if step["completed_at"] else ""
    size = f", {kilobytes(step['data_bytes'])}" if step["data_bytes"] else ""
    yield f"  {step['step_number']} {title:<{_TITLE}} {step['status'].replace('_', ' ')}{time}{size}"
    for row in step["stored"]:
        yield f"      {_row(row, now)}"


def _row(row: Mapping[str, Any], now: datetime) -> str:
    """One stored thing: what it is, its size, and when it last changed."""
    if "provider" in row:
        named = f"{row['provider']} {row['key']}"
    else:
        named = ", ".join(str(row[name]) for name in _LABELS if row.get(name)) or "saved"
    size = sum(value for name, value in row.items() if name.endswith("_bytes"))
    changed = _ago(row["updated_at"], now) if row.get("updated_at") else None
    return ", ".join(filter(None, [named, kilobytes(size) if size else None, changed]))


def _ago(time: str, now: datetime) -> str:
    return ago(datetime.fromisoformat(time), now.astimezone(UTC))
