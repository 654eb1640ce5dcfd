"""The statements of `migrations.legacy.target`: explicit times and values where the functions use `now()`."""

from typing import Any

from lib.json_text import dumps
from lib.steps.fields import (
    BUSINESS_FIELDS,
    INTEGRATION_FIELDS,
    PREFERENCE_FIELDS,
    RESEARCH_STYLE_FIELDS,
    SAVED_ANALYSIS_FIELDS,
    SAVED_PERSONA_FIELDS,
)
from migrations.legacy.records import (
    ANALYSIS,
    API_KEY,
    BUSINESS,
    INTEGRATIONS,
    PERSONA,
    PREFERENCES,
    SESSION,
    STEP,
    Held,
)
from migrations.legacy.statuses import OLD_STEPS

SCOPE = "SELECT set_config('role', 'onboarding_app', true), set_config('app.user_id', %s, true)"

# Row-level security leaves only this user's rows, so that no statement here needs to name the user.
LOAD = """
    SELECT EXISTS (SELECT FROM erased_users), json_build_object(
        'sessions', (SELECT json_agg(t) FROM onboarding_sessions t),
        'steps', (SELECT json_agg(t) FROM onboarding_steps t),
        'api_keys', (SELECT json_agg(t) FROM (
            SELECT provider, translate(encode(encrypted_key, 'base64'), E'\\n', '') AS encrypted_key,
                   created_at, updated_at FROM api_keys) t),
        'website_analyses', (SELECT json_agg(t) FROM website_analyses t),
        'research_preferences', (SELECT json_agg(t) FROM research_preferences t),
        'personas', (SELECT json_agg(t) FROM persona_data t),
        'integrations', (SELECT json_agg(t) FROM platform_integrations t),
        'business_info', (SELECT json_agg(t) FROM business_info t))
"""


_CHANGED = """
    WITH changed AS (
        UPDATE onboarding_sessions SET version = version + 1 WHERE user_id = %(user_id)s::varchar RETURNING id)
"""


def _upsert(table: str, conflict: str, columns: tuple[str, ...], casts: dict[str, str]) -> str:
    """An INSERT that replaces what is there, and counts the change; children find their session's id by themselves."""
    values = [f"%({name})s::{casts[name]}" if name in casts else f"%({name})s" for name in columns]
    kept = {"created_at", "user_id", "provider", "step_key", "website_url"}
    updates = [f"{name} = excluded.{name}" for name in columns if name not in kept]
    updates += [f"version = {table}.version + 1"] if table == "onboarding_steps" else []
    of_session = "FROM changed"
    return (
        f"{_CHANGED} INSERT INTO {table} (user_id, session_id, {', '.join(columns)})"
        f" SELECT %(user_id)s::varchar, id, {', '.join(values)} {of_session}"
        f" ON CONFLICT ({conflict}) DO UPDATE SET {', '.join(updates)}"
    )


def _jsonb(names: tuple[str, ...]) -> dict[str, str]:
    return dict.fromkeys(names, "jsonb")


_TIMES = ("created_at", "updated_at")
_TIME_CASTS = dict.fromkeys((*_TIMES, "completed_at", "analysis_date"), "timestamptz")
_ANALYSIS_TEXTS = ("status", "error_message", "warning_message")

_COLUMNS: dict[str, tuple[str, str, tuple[str, ...], dict[str, str]]] = {
    STEP: (
        "onboarding_steps",
        "user_id, step_key",
        ("step_key", "status", "completed_at", "data", "validation_errors", "updated_at"),
        {"data": "json", "validation_errors": "json"},
    ),
    API_KEY: ("api_keys", "user_id, provider", ("provider", "encrypted_key", *_TIMES), {}),
    ANALYSIS: (
        "website_analyses",
        "user_id, md5(website_url)",
        ("website_url", "analysis_date", *SAVED_ANALYSIS_FIELDS, *_ANALYSIS_TEXTS, *_TIMES),
        _jsonb(SAVED_ANALYSIS_FIELDS),
    ),
    PREFERENCES: (
        "research_preferences",
        "user_id",
        (*PREFERENCE_FIELDS, *_TIMES),
        _jsonb(("content_types", *RESEARCH_STYLE_FIELDS))
        | dict.fromkeys(("auto_research", "factual_content"), "boolean"),
    ),
    PERSONA: ("persona_data", "user_id", (*SAVED_PERSONA_FIELDS, *_TIMES), _jsonb(SAVED_PERSONA_FIELDS)),
    INTEGRATIONS: (
        "platform_integrations",
        "user_id",
        (*INTEGRATION_FIELDS, *_TIMES),
        _jsonb(("connected_platforms",)),
    ),
    BUSINESS: ("business_info", "user_id", (*BUSINESS_FIELDS, *_TIMES), {}),
}

UPSERTS = {
    kind: _upsert(table, conflict, columns, casts | _TIME_CASTS)
    for kind, (table, conflict, columns, casts) in _COLUMNS.items()
} | {
    SESSION: """
        INSERT INTO onboarding_sessions (user_id, furthest_step, started_at, updated_at, completed_at)
        VALUES (%(user_id)s, %(furthest_step)s, %(started_at)s, %(updated_at)s, %(completed_at)s::timestamptz)
        ON CONFLICT (user_id) DO UPDATE
        SET furthest_step = excluded.furthest_step, started_at = excluded.started_at,
            updated_at = excluded.updated_at, completed_at = excluded.completed_at,
            version = onboarding_sessions.version + 1
    """
}


def parameters(user_id: str, kind: str, key: str, held: Held) -> dict[str, object]:
    """The values of the statement that stores `held`."""
    values: dict[str, Any] = dict(held.values)
    if kind == STEP:
        values |= {"validation_errors": values.get("validation_errors") or [], "step_key": OLD_STEPS[int(key)].key}
        values |= values["status"]
    if kind == ANALYSIS:
        values["website_url"] = key
    if kind == API_KEY:
        values["provider"] = key
    if kind == SESSION:
        return {"user_id": user_id, "updated_at": held.time, **values}
    _, _, columns, casts = _COLUMNS[kind]
    times = {"updated_at": held.time, "created_at": held.created_at or held.time}
    row = {name: {**values, **times}.get(name) for name in columns}
    return {"user_id": user_id} | {
        name: _json_text(value) if casts.get(name, "").startswith("json") else value for name, value in row.items()
    }


def _json_text(value: object) -> str | None:
    return None if value is None else dumps(value)
