"""What a row of the old tables says, in field groups. Pure; `migrations.legacy.old_database` fetches rows."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from lib.db.encryption import KeyRing
from lib.steps.fields import (
    ANALYSIS_FIELDS,
    BUSINESS_FIELDS,
    DEFAULT_DEPTH,
    DEPTHS,
    PERSONA_FIELDS,
    PREFERENCE_FIELDS,
    RESEARCH_STYLE_FIELDS,
)
from migrations.legacy.payloads import canonical_depth
from migrations.legacy.progress_file import provider_name
from migrations.legacy.records import (
    ANALYSIS,
    API_KEY,
    BUSINESS,
    PERSONA,
    PREFERENCES,
    SESSION,
    Found,
    Place,
    Rank,
    Record,
)
from migrations.legacy.values import EPOCH, BrokenValue, as_bool, as_json, as_number, as_text, as_time, is_empty

Row = Mapping[str, object]
Broken = Callable[[str, BrokenValue], None]

SEALED_WITH_ANOTHER_KEY = "encrypted with a key that API_KEY_ENCRYPTION_KEYS does not hold"

_TEXTS = ("error_message", "warning_message")

TABLES = {
    SESSION: "onboarding_sessions",
    API_KEY: "api_keys",
    ANALYSIS: "website_analyses",
    PREFERENCES: "research_preferences",
    PERSONA: "persona_data",
    BUSINESS: "user_business_info",
}
NAMING_THEIR_USER = frozenset({SESSION, BUSINESS})
"""The kinds whose rows name their user; the others name a session."""
_BOOKKEEPING = ("id", "created_at", "updated_at")
_KNOWN = {
    SESSION: frozenset({*_BOOKKEEPING, "user_id", "current_step", "progress", "started_at"}),
    API_KEY: frozenset({*_BOOKKEEPING, "session_id", "provider", "key", "encrypted_key"}),
    ANALYSIS: frozenset(
        {*_BOOKKEEPING, "session_id", "website_url", "analysis_date", *ANALYSIS_FIELDS, *_TEXTS, "status"}
    ),
    PREFERENCES: frozenset({*_BOOKKEEPING, "session_id", *PREFERENCE_FIELDS}),
    PERSONA: frozenset({*_BOOKKEEPING, "session_id", *PERSONA_FIELDS}),
    BUSINESS: frozenset({*_BOOKKEEPING, "user_id", *BUSINESS_FIELDS}),
}


def found_in_row(source: str, kind: str, row: Row) -> Found:
    """Understand one row of the table of that kind."""
    found = Found()
    place = Place(source, f"{TABLES[kind]} id {row['id']}")

    def broken(column: str, error: BrokenValue) -> None:
        found.broken.append((place, f"{column} is {error}"))

    key, values = _READERS[kind](row, broken)
    if extras := _extras(kind, row):
        if kind in {ANALYSIS, PERSONA}:
            values["additional_fields"] = extras
        else:
            found.broken.append((place, f"has columns that nothing takes: {', '.join(extras)}"))
    created_at = as_time(row.get("started_at") if kind == SESSION else row.get("created_at"))
    found.records.append(
        Record(
            kind,
            key,
            as_time(row.get("updated_at")) or created_at or EPOCH,
            {name: value for name, value in values.items() if value is not None},
            place,
            Rank.DATABASE,
            created_at,
            (TABLES[kind], row["id"]),
        )
    )
    return found


def _extras(kind: str, row: Row) -> dict[str, Any]:
    """Collect what columns hold that only some releases of the old software had, JSON read where it is JSON."""
    extras = {}
    for name, value in row.items():
        if name in _KNOWN[kind] or value is None:
            continue
        try:
            extras[name] = as_json(value)
        except BrokenValue:
            extras[name] = as_text(value)
    return {name: value for name, value in extras.items() if value is not None}


def opened_row(row: Row, keys: Callable[[], KeyRing]) -> Row:
    """Decrypt the key of an `api_keys` row that a migration put into the schema `legacy`; leave other rows alone."""
    sealed = row.get("encrypted_key")
    if not isinstance(sealed, bytes):
        return row
    return {**row, "key": keys().decrypt(binding_of_row(row["id"]), str(row["provider"]), sealed)}


def binding_of_row(row_id: object) -> str:
    """Give what stands for the user in the encryption of a row whose user is not known."""
    return f"legacy.api_keys {row_id}"


def _session(row: Row, _broken: Broken) -> tuple[str, dict[str, Any]]:
    progress = as_number(row.get("progress"))
    updated_at: datetime | None = as_time(row.get("updated_at")) or as_time(row.get("started_at"))
    step = as_number(row.get("current_step"))
    return "", {
        "started_at": as_time(row.get("started_at")),
        "current_step": None if step is None else int(step),
        "progress": progress,
        "completed_at": (updated_at or EPOCH) if progress is not None and progress >= 100 else None,
    }


def _api_key(row: Row, broken: Broken) -> tuple[str, dict[str, Any]]:
    if row["key"] is None:
        broken("encrypted_key", BrokenValue(SEALED_WITH_ANOTHER_KEY))
    return provider_name(as_text(row["provider"]) or ""), {"key": (as_text(row["key"]) or "").strip() or None}


def _analysis(row: Row, broken: Broken) -> tuple[str, dict[str, Any]]:
    texts = {name: as_text(row.get(name)) for name in _TEXTS}
    return (as_text(row["website_url"]) or "").strip(), {
        **_json_columns(row, ANALYSIS_FIELDS, broken),
        **texts,
        "status": (as_text(row.get("status")) or "")[:50] or None,
        "analysis_date": as_time(row.get("analysis_date")),
    }


def _preferences(row: Row, broken: Broken) -> tuple[str, dict[str, Any]]:
    depth = row.get("research_depth")
    if depth and canonical_depth(depth) is None:
        broken("research_depth", _unknown_depth(depth))
    return "", {
        "research_depth": canonical_depth(depth),
        "auto_research": as_bool(row.get("auto_research")),
        "factual_content": as_bool(row.get("factual_content")),
        **_json_columns(row, ("content_types", *RESEARCH_STYLE_FIELDS), broken),
    }


def _unknown_depth(depth: object) -> BrokenValue:
    return BrokenValue(f"{as_text(depth)!r}, none of {', '.join(DEPTHS)}; taken as {DEFAULT_DEPTH}")


def _persona(row: Row, broken: Broken) -> tuple[str, dict[str, Any]]:
    return "", _json_columns(row, PERSONA_FIELDS, broken)


def _business(row: Row, _broken: Broken) -> tuple[str, dict[str, Any]]:
    return "", {name: as_text(row.get(name)) for name in BUSINESS_FIELDS}


def _json_columns(row: Row, names: tuple[str, ...], broken: Broken) -> dict[str, Any]:
    """Read JSON columns; one that is no JSON is reported and left out, and so is one that says nothing."""
    values = {}
    for name in names:
        try:
            value = as_json(row.get(name))
        except BrokenValue as error:
            broken(name, error)
            continue
        if not is_empty(value) or name == "content_types":
            values[name] = value
    return values


_READERS: dict[str, Callable[[Row, Broken], tuple[str, dict[str, Any]]]] = {
    SESSION: _session,
    API_KEY: _api_key,
    ANALYSIS: _analysis,
    PREFERENCES: _preferences,
    PERSONA: _persona,
    BUSINESS: _business,
}
