"""The old system's progress files. Reading the file is I/O, understanding it is pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.steps.api_keys import without_secrets
from lib.steps.definitions import FINISHED_STATUSES, PENDING, STATUSES, WEBSITE
from lib.steps.providers import canonical
from migrations.legacy.payloads import business_of, groups_of
from migrations.legacy.records import API_KEY, BUSINESS, SESSION, STEP, Found, Place, Rank, Record
from migrations.legacy.statuses import LAST_STEP, NUMBERS, OLD_STEPS
from migrations.legacy.values import EPOCH, BrokenValue, as_number, as_time, clean

SOURCE = "files"


def read_progress_file(path: Path) -> Mapping[str, Any]:
    """Read the file's JSON object. Raises BrokenValue, saying what is wrong with it."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BrokenValue(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise BrokenValue(f"not JSON: {type(error).__name__}") from None
    if not isinstance(content, dict) or not isinstance(content.get("steps"), list):
        raise BrokenValue("not a progress file: it has no list of steps")
    return content


def found_in_file(name: str, content: Mapping[str, Any]) -> Found:
    """Read a progress file's content: its session, and each touched step with what that step stored."""
    found = Found()
    place = Place(SOURCE, name)
    altered = False

    def note() -> None:
        nonlocal altered
        altered = True

    content = clean(content, note)
    if altered:
        found.broken.append((place, "holds U+0000, a lone surrogate or NaN; replaced by U+FFFD or null"))
    last_updated = as_time(content.get("last_updated")) or EPOCH
    found.records.append(Record(SESSION, "", last_updated, _session(content), place, Rank.FILE))
    for step in content["steps"]:
        number = _step_number(step)
        if number is None:
            found.broken.append((place, f"has an entry that is no step 1 to {LAST_STEP}"))
        else:
            found.records += _step(number, step, last_updated, replace(place, detail=f"{name} step {number}"))
    return found


def _session(content: Mapping[str, Any]) -> dict[str, Any]:
    finished = [
        _step_number(step) or 0
        for step in content["steps"]
        if isinstance(step, dict) and step.get("status") in FINISHED_STATUSES
    ]
    # The old software itself, on loading a file, took it for completed once all its steps were finished.
    completed = bool(content.get("is_completed")) or set(finished) >= set(OLD_STEPS)
    completed_at = as_time(content.get("completed_at")) or as_time(content.get("last_updated")) or EPOCH
    touched = {_step_number(step) for step in content["steps"] if _touched(step)}
    return {
        "untouched": sorted(set(OLD_STEPS) - {number for number in touched if number}),
        "started_at": as_time(content.get("started_at")),
        "current_step": min(max(int(as_number(content.get("current_step")) or 1), 1), LAST_STEP),
        "completed_at": completed_at if completed else None,
    }


def _touched(step: object) -> bool:
    if not isinstance(step, dict):
        return False
    is_pending = step.get("status") not in STATUSES or step["status"] == PENDING
    return not is_pending or step.get("data") is not None or bool(step.get("validation_errors"))


def _step_number(step: object) -> int | None:
    number = as_number(step.get("step_number")) if isinstance(step, dict) else None
    return int(number) if number is not None and number in OLD_STEPS else None


def _step(number: int, step: Mapping[str, Any], last_updated: datetime, place: Place) -> Iterator[Record]:
    """Yield the records of a step that was touched at all."""
    status = step.get("status") if step.get("status") in STATUSES else PENDING
    completed_at = as_time(step.get("completed_at"))
    data, errors = step.get("data"), step.get("validation_errors") or None
    if not _touched(step):
        return
    time = completed_at or last_updated
    base = Record(STEP, str(number), time, {}, place, Rank.FILE, created_at=time)
    if number == 1 and isinstance(data, dict):
        keys = _keys(data)
        yield from (replace(base, kind=API_KEY, key=provider, values={"key": key}) for provider, key in keys)
        secrets = [key for _, key in keys]
        others = {name: value for name, value in data.items() if name != "api_keys" and not _is_key(name, value)}
        data = without_secrets(others, secrets)
        errors = without_secrets(errors, secrets)
    elif isinstance(data, dict) and (groups := groups_of(number, data)):
        (kind, key), values = groups
        yield replace(base, kind=kind, key=key, values=values)
        if number == NUMBERS[WEBSITE.key] and (business := business_of(data)):
            yield replace(base, kind=BUSINESS, key="", values=business)
    finished = {"status": status, "completed_at": completed_at if status != PENDING else None}
    values = {"status": finished, "data": data, "validation_errors": errors}
    yield replace(base, values={name: value for name, value in values.items() if value is not None})


def _keys(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the keys by their provider's own name; a key under a provider's old name stands before that of its own."""
    nested = data.get("api_keys")
    flat = {name: value for name, value in data.items() if _is_key(name, value)}
    entries = flat | (nested if isinstance(nested, dict) else {})
    keys = [
        (provider_name(name), value.strip(), name)
        for name, value in entries.items()
        if isinstance(value, str) and value.strip()
    ]
    return [(provider, key) for provider, key, _ in sorted(keys, key=lambda entry: entry[0] == entry[2])]


def _is_key(name: str, value: object) -> bool:
    """Whether a field of step 1 beside `api_keys` is a key under its provider's name: it must not be stored plain."""
    return canonical(name) is not None and isinstance(value, str)


def provider_name(name: str) -> str:
    """Give the name under which a provider's key is stored; one that is not supported any more keeps its own."""
    return canonical(name) or name.strip().lower()[:64]
