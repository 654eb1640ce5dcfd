"""Step 6: everything that was stored, as the last page shows it."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lib.db import sessions, steps, summary
from lib.db.api_keys import by_provider
from lib.db.summary import SummaryRow
from lib.errors import Incomplete
from lib.http.app import Answer, Call, Route
from lib.http.rendering import preferences_document
from lib.http.step_routes import StepHandlers, Submission, step_routes
from lib.http.validators import fingerprint, known, not_modified, weak_etag
from lib.steps.api_keys import masked
from lib.steps.definitions import FINISH
from lib.steps.fields import PersonaFields
from lib.steps.progress import Progress
from lib.steps.requirements import incomplete
from lib.steps.summary import (
    capabilities,
    data_sufficiency,
    personalization_settings,
    readiness,
    style_analysis,
)

if TYPE_CHECKING:
    from lib.http.answers import ResearchPreferences, Summary, SummaryPersona

_SHOWN_AS = {"website_analysis": "style_analysis"}


def read(call: Call) -> "Answer[Summary]":
    """The summary; what is missing is null or `{}`, never an error. 304 where the caller has it.

    What there is no room for is null, too, and named in `data_too_large`.
    """
    caller_knows, suffix = known(call.request), fingerprint()
    row = summary.read(call.database, call.user.id, caller_knows.before(suffix))
    tag = row["tag"] + suffix
    if caller_knows.covers(tag):
        return not_modified(weak_etag(tag))
    return Answer(HTTPStatus.OK, _document(call, row), weak_etag(tag))


def _document(call: Call, row: SummaryRow) -> "Summary":
    keys = _keys(call, row)
    analysis, persona = row["website_analysis"], row["persona"]
    preferences = row["research_preferences"]
    personalization = personalization_settings(persona, preferences, analysis)
    integrations = row["integrations"] or {}
    too_large = [_SHOWN_AS.get(name, name) for name in row["too_large"]]
    document: Summary = {
        "api_keys": {provider: masked(key) for provider, key in keys.items()},
        "website_url": (analysis and analysis["website_url"]) or None,
        "style_analysis": None if "style_analysis" in too_large else style_analysis(analysis),
        "research_preferences": None if preferences is None else _preferences(preferences),
        "personalization_settings": personalization,
        "persona": None if persona is None else _persona(persona),
        "persona_readiness": readiness(data_sufficiency(analysis, preferences)),
        "business_info": row["business_info"],
        "integrations": integrations,
        "capabilities": capabilities(keys, analysis, preferences, persona, integrations),
    }
    return {**document, "data_too_large": too_large} if too_large else document


def _preferences(stored: Mapping[str, Any]) -> "ResearchPreferences":
    times = {name: datetime.fromisoformat(stored[name]) for name in ("created_at", "updated_at")}
    return preferences_document({**stored, **times})


def _persona(stored: PersonaFields) -> "SummaryPersona":
    return {
        "corePersona": stored["core_persona"],
        "platformPersonas": stored["platform_personas"],
        "qualityMetrics": stored["quality_metrics"],
        "selectedPlatforms": stored["selected_platforms"],
    }


def _keys(call: Call, row: SummaryRow) -> dict[str, str]:
    sealed = by_provider(row)
    return call.key_ring.decrypt_all(call.user.id, sealed) if sealed else {}


def _save_step(call: Call, submission: Submission) -> tuple[Progress, object]:
    user_id, data, errors = call.user.id, submission.data, submission.validation_errors
    try:
        progress = steps.complete_last(call.database, user_id, call.flow, data, errors, if_match=submission.if_match)
    except Incomplete:
        raise incomplete(sessions.load(call.database, user_id).in_flow(call.flow)) from None
    return progress, data or {}


STEP = StepHandlers(FINISH, _save_step, body_required=False)

ROUTES = [
    Route("GET", "/api/onboarding/summary", read),
    *step_routes(FINISH),
]
