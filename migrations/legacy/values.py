"""Single values of the old system, as Postgres and the new code take them. Pure."""

import json
import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands in for a time that the old system did not note: anything dated is newer."""

_DEEPEST = 200  # levels; the API takes 64
_LARGEST_EXACT = 2**53
_UNSTORABLE = re.compile("[\\0\\ud800-\\udfff]")


class BrokenValue(ValueError):
    """A stored value cannot be read; the message says what is wrong, without the value itself."""


def as_time(value: object) -> datetime | None:
    """Read a time; one without an offset is UTC. None for what is no time at all."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None


def as_bool(value: object) -> bool | None:
    """Read SQLite's 0 and 1, Postgres' text, or a boolean."""
    if value is None:
        return None
    return str(value).strip().lower() in {"1", "1.0", "true", "t", "yes", "on"}


def as_number(value: object) -> float | None:
    """Read a finite number, None for anything else."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def as_text(value: object) -> str | None:
    """Read text that Postgres can hold."""
    return None if value is None else clean(value if isinstance(value, str) else str(value))


def as_json(value: object) -> Any:
    """Read a JSON column's text. Raises BrokenValue for what is no JSON."""
    if not isinstance(value, str | bytes):
        return clean(value)
    try:
        return clean(json.loads(value))
    except BrokenValue:
        raise
    except (ValueError, RecursionError) as error:
        raise BrokenValue(f"not JSON: {type(error).__name__}") from None


def clean(value: Any, note: Callable[[], object] = lambda: None, depth: int = 0) -> Any:
    """Replace what JSON in Postgres cannot hold: U+0000 and lone surrogates by U+FFFD, NaN and infinity by null.

    `note` is called for each value that is not taken as it stands. Raises BrokenValue for what is nested too deep.
    """
    if depth > _DEEPEST:
        raise BrokenValue(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        return _clean_text(value, note)
    if isinstance(value, float) and not math.isfinite(value):
        note()
        return None
    if isinstance(value, dict):
        return {_clean_text(name, note): clean(item, note, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [clean(item, note, depth + 1) for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal once both have been through Postgres, which writes 1e300 as 301 digits."""
    return bool(one == other) or _comparable(one) == _comparable(other)


def is_empty(value: object) -> bool:
    """Whether a value says nothing: null, "", [] or {}. False and 0 say something."""
    return value is None or value in ("", [], {})


def _clean_text(text: str, note: Callable[[], object]) -> str:
    if text.isascii() and "\0" not in text:
        return text
    cleaned = _UNSTORABLE.sub("\ufffd", text)
    if cleaned != text:
        note()
    return cleaned


def _comparable(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_EXACT:
        return float(value) if abs(value) <= sys.float_info.max else str(value)
    if isinstance(value, dict):
        return {name: _comparable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return value
