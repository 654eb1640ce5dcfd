"""Step 2's table: one analysis per website, the newest is the current one."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    String,
    Text,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    update,
)

from lib.db import business_info, sessions, steps
from lib.db.database import Database
from lib.db.events import event_values, happened, recorded
from lib.db.guards import analysis_fits, has_room_for_website, within_quota
from lib.db.statements import USER, Bound, Query, Statement, parameter, upsert
from lib.db.tables import website_analyses
from lib.steps.definitions import COMPLETED, WEBSITE
from lib.steps.fields import ANALYSIS_FIELDS, SAVED_ANALYSIS_FIELDS, BusinessFields, Json, SavedAnalysis, names_of
from lib.steps.progress import Progress

_analysis = website_analyses.c


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


class _AnalysisId(TypedDict):
    id: int


_SAVE = Statement(
    upsert(
        website_analyses,
        ["website_url", "warning_message", *SAVED_ANALYSIS_FIELDS],
        [_analysis.user_id, func.md5(_analysis.website_url)],
        computed={
            "status": literal(COMPLETED),
            "error_message": cast(null(), Text),
            "analysis_date": func.now(),
        },
    )
)

NEWEST_FIRST = (_analysis.analysis_date.desc(), _analysis.id.desc())
_of_user = select(*(_analysis[name] for name in names_of(Analysis))).where(_analysis.user_id == USER)
_CURRENT = Query(_of_user.order_by(*NEWEST_FIRST).limit(1), Analysis)
_BY_ID = Query(_of_user.where(_analysis.id == parameter(website_analyses, "id")), Analysis)
_ID = Query(
    select(_analysis.id).where(_analysis.user_id == USER, _analysis.id == parameter(website_analyses, "id")),
    _AnalysisId,
)
_BY_URL = Query(
    select(*(_analysis[name] for name in names_of(AnalysisOfWebsite))).where(
        _analysis.user_id == USER,
        func.md5(_analysis.website_url) == func.md5(bindparam("website_url", type_=Text)),
    ),
    AnalysisOfWebsite,
)


_is_of_id = (_analysis.user_id == USER) & (_analysis.id == parameter(website_analyses, "id"))


# A distributed database takes no value of a setting, as a large one is sent, within CASE: it takes a column's there.
_new = select(*(parameter(website_analyses, name).label(name) for name in ANALYSIS_FIELDS)).subquery("new")


def _edited(name: str) -> ColumnElement[Any]:
    """The new value of a field that was sent, else the stored one."""
    is_sent = literal(name) == func.any(bindparam("sent", type_=ARRAY(String)))
    return case((is_sent, _new.c[name]), else_=_analysis[name])


_additional_fields = func.coalesce(_analysis.additional_fields, literal_column("'{}'::jsonb")).op("||")(
    parameter(website_analyses, "additional_fields")
)
_EDIT = Statement(
    update(website_analyses)
    .where(_is_of_id)
    .values(
        {name: _edited(name) for name in ANALYSIS_FIELDS}
        | {"additional_fields": _additional_fields, "updated_at": func.now()}
    )
)
_EVENT_EDITED = recorded(exists().where(_is_of_id))
_DELETE = Query(delete(website_analyses).where(_is_of_id).returning(_analysis.id), _AnalysisId)


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
