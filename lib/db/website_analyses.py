"""Step 2's table: one analysis per website, the newest is the current one."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypedDict

from lib.db import business_info, sessions, steps
from lib.db.bound import Bound
from lib.db.compiled import query, statement
from lib.db.database import Database
from lib.db.events import event_values, happened
from lib.db.guards import analysis_fits, has_room_for_website, within_quota
from lib.steps.definitions import WEBSITE
from lib.steps.fields import ANALYSIS_FIELDS, BusinessFields, Json, SavedAnalysis
from lib.steps.progress import Progress


class Analysis(SavedAnalysis):
    """One analysis, all columns but the keys to other tables."""

    id: int
    website_url: str
    analysis_date: datetime
    status: str
    error_message: str | None
    warning_message: str | None
    created_at: datetime
    updated_at: datetime


class AnalysisOfWebsite(TypedDict):
    """What is told of an analysis that exists already."""

    id: int
    analysis_date: datetime
    writing_style: Json
    target_audience: Json
    content_type: Json


class AnalysisId(TypedDict):
    """An analysis that is there."""

    id: int


_SAVE = statement("website_analyses.SAVE")
_CURRENT = query("website_analyses.CURRENT", Analysis)
_BY_ID = query("website_analyses.BY_ID", Analysis)
_ID = query("website_analyses.ID", AnalysisId)
_BY_URL = query("website_analyses.BY_URL", AnalysisOfWebsite)
_EDIT = statement("website_analyses.EDIT")
_EVENT_EDITED = statement("website_analyses.EVENT_EDITED")
_DELETE = query("website_analyses.DELETE", AnalysisId)


def complete_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    website_url: str,
    analysis: SavedAnalysis | None,
    *,
    business: BusinessFields | None = None,
    warning: str | None = None,
    if_match: Collection[int] | None,
) -> Progress:
    """Complete step 2. Without an analysis, those that were stored before stay as they are."""
    also = [
        *(_saved(website_url, analysis, warning) if analysis else []),
        *([business_info.saved(business), happened("business.saved", WEBSITE)] if business else []),
        business_info.shown_in_step(),
        *([happened("analysis.saved", WEBSITE)] if website_url else []),
    ]
    return steps.complete(database, user_id, WEBSITE, data, validation_errors, also, if_match=if_match)


def _saved(website_url: str, analysis: SavedAnalysis, warning: str | None) -> list[Bound[Any]]:
    saved = _SAVE(website_url=website_url, warning_message=warning, **analysis)
    return [has_room_for_website(website_url), saved]


def edit(database: Database, user_id: str, analysis_id: int, fields: Mapping[str, object]) -> bool:
    """Replace the analysis' fields that are sent, and add other ones; whether the user has an analysis of that id."""
    known = {name: fields.get(name) for name in ANALYSIS_FIELDS}
    others = {name: value for name, value in fields.items() if name not in known}
    edited = _EDIT(id=analysis_id, sent=list(fields), additional_fields=others, **known)
    event = _EVENT_EDITED(id=analysis_id, **event_values("analysis.edited", WEBSITE, fields=len(fields)))
    statements = [*sessions.changed(), edited, analysis_fits(analysis_id), within_quota(), event]
    return bool(database.write_and_read(user_id, statements, _ID(id=analysis_id)))


def remove(database: Database, user_id: str, analysis_id: int) -> bool:
    """Delete one analysis; whether the user had it."""
    return bool(database.write_and_read(user_id, sessions.changed(), _DELETE(id=analysis_id)))


def current(database: Database, user_id: str) -> Analysis | None:
    """The newest analysis."""
    rows = database.read(user_id, _CURRENT())
    return rows[0] if rows else None


def by_id(database: Database, user_id: str, analysis_id: int) -> Analysis | None:
    """One analysis of this user."""
    rows = database.read(user_id, _BY_ID(id=analysis_id))
    return rows[0] if rows else None


def by_url(database: Database, user_id: str, website_url: str) -> AnalysisOfWebsite | None:
    """The analysis of exactly this URL."""
    rows = database.read(user_id, _BY_URL(website_url=website_url))
    return rows[0] if rows else None
