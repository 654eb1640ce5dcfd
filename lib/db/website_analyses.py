"""Step 2's table: one analysis per website, the newest is the current one."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy import Text, bindparam, cast, func, literal, null, select

from lib.db import steps
from lib.db.database import Database
from lib.db.statements import USER, Query, Statement, parameter, upsert
from lib.db.tables import website_analyses
from lib.steps.definitions import COMPLETED, WEBSITE
from lib.steps.fields import SAVED_ANALYSIS_FIELDS, Json, SavedAnalysis, names_of
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


_SAVE = Statement(
    upsert(
        website_analyses,
        ["website_url", *SAVED_ANALYSIS_FIELDS],
        [_analysis.user_id, func.md5(_analysis.website_url)],
        computed={
            "status": literal(COMPLETED),
            "error_message": cast(null(), Text),
            "warning_message": cast(null(), Text),
            "analysis_date": func.now(),
        },
    )
)

NEWEST_FIRST = (_analysis.analysis_date.desc(), _analysis.id.desc())
_of_user = select(*(_analysis[name] for name in names_of(Analysis))).where(_analysis.user_id == USER)
_CURRENT = Query(_of_user.order_by(*NEWEST_FIRST).limit(1), Analysis)
_BY_ID = Query(_of_user.where(_analysis.id == parameter(website_analyses, "id")), Analysis)
_ALL = Query(_of_user.order_by(*NEWEST_FIRST), Analysis)
_BY_URL = Query(
    select(*(_analysis[name] for name in names_of(AnalysisOfWebsite))).where(
        _analysis.user_id == USER,
        func.md5(_analysis.website_url) == func.md5(bindparam("website_url", type_=Text)),
    ),
    AnalysisOfWebsite,
)


def complete_step(
    database: Database,
    user_id: str,
    data: object,
    validation_errors: list[object],
    website_url: str,
    analysis: SavedAnalysis,
) -> Progress:
    """Complete step 2."""
    also = [_SAVE(website_url=website_url, **analysis)]
    return steps.complete(database, user_id, WEBSITE, data, validation_errors, also)


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


def all_of(database: Database, user_id: str) -> list[Analysis]:
    """Every analysis of this user, newest first."""
    return database.read(user_id, _ALL())
