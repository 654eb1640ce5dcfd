"""Step 6: everything that was stored, as the last page shows it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lib.db import steps, summary
from lib.db.database import Row
from lib.http.app import Call, Route
from lib.http.rendering import preferences_document
from lib.http.step_routes import Submission, step_routes
from lib.steps.api_keys import masked
from lib.steps.fields import PERSONA_FIELDS
from lib.steps.summary import (
    capabilities,
    data_sufficiency,
    personalization_settings,
    readiness,
    style_analysis,
)


def read(call: Call) -> dict[str, Any]:
    """The summary; what is missing is null or `{}`, never an error."""
    row = summary.read(call.database, call.user.id)
    keys = _keys(call, row)
    analysis, persona = row["website_analysis"], row["persona"]
    preferences = row["research_preferences"]
    personalization = personalization_settings(persona, preferences, analysis)
    integrations = row["integrations"] or {}
    return {
        "api_keys": {provider: masked(key) for provider, key in keys.items()},
        "website_url": (analysis or {}).get("website_url") or None,
        "style_analysis": style_analysis(analysis),
        "research_preferences": preferences and _preferences(preferences),
        "personalization_settings": personalization,
        "persona": persona and _persona(persona),
        "persona_readiness": readiness(data_sufficiency(analysis, preferences)),
        "integrations": integrations,
        "capabilities": capabilities(keys, analysis, preferences, persona, personalization, integrations),
    }


def _preferences(stored: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: datetime.fromisoformat(stored[name]) for name in ("created_at", "updated_at")}
    return preferences_document({**stored, **times})


def _persona(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stored[column] for name, column in PERSONA_FIELDS.items()}


def _keys(call: Call, row: Row) -> dict[str, str]:
    sealed = dict(zip(row["providers"], row["encrypted_keys"], strict=True))
    return call.key_ring.decrypt_all(call.user.id, sealed) if sealed else {}


def _save_step(call: Call, submission: Submission) -> tuple[Row, object]:
    row = steps.save(call.database, call.user.id, 6, submission.data, submission.validation_errors)
    return row, submission.data or {}


ROUTES = [
    Route("GET", "/api/onboarding/summary", read),
    *step_routes(6, _save_step, body_required=False),
]
