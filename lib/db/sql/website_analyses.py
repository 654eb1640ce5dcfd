"""The statements of `lib.db.website_analyses`."""

from typing import Any

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

from lib.db.sql.events import recorded
from lib.db.statements import USER, Query, Statement, parameter, upsert
from lib.db.tables import website_analyses
from lib.db.website_analyses import Analysis, AnalysisId, AnalysisOfWebsite
from lib.steps.definitions import COMPLETED
from lib.steps.fields import ANALYSIS_FIELDS, SAVED_ANALYSIS_FIELDS, names_of

_analysis = website_analyses.c

SAVE = Statement(
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
CURRENT = Query(_of_user.order_by(*NEWEST_FIRST).limit(1), Analysis)
BY_ID = Query(_of_user.where(_analysis.id == parameter(website_analyses, "id")), Analysis)
ID = Query(
    select(_analysis.id).where(_analysis.user_id == USER, _analysis.id == parameter(website_analyses, "id")),
    AnalysisId,
)
BY_URL = Query(
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
EDIT = Statement(
    update(website_analyses)
    .where(_is_of_id)
    .values(
        {name: _edited(name) for name in ANALYSIS_FIELDS}
        | {"additional_fields": _additional_fields, "updated_at": func.now()}
    )
)
EVENT_EDITED = recorded(exists().where(_is_of_id))
DELETE = Query(delete(website_analyses).where(_is_of_id).returning(_analysis.id), AnalysisId)
