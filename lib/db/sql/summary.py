"""The statements of `lib.db.summary`."""

import operator
from functools import reduce
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, Text, case, cast, func, literal_column, null, select
from sqlalchemy.dialects.postgresql import array

from lib.db.sql.api_keys import PROVIDERS_AND_KEYS
from lib.db.sql.research_preferences import OF_USER as PREFERENCES_OF_USER
from lib.db.sql.sessions import is_new_to_caller, session_tag
from lib.db.sql.website_analyses import NEWEST_FIRST
from lib.db.statements import USER, Query
from lib.db.summary import SummarisedAnalysis, SummaryRow
from lib.db.tables import business_info, onboarding_sessions, onboarding_steps, persona_data, website_analyses
from lib.steps.definitions import INTEGRATIONS
from lib.steps.fields import BUSINESS_FIELDS, PERSONA_FIELDS
from lib.steps.limits import MAX_ANSWER_BYTES

_analysis, _persona, _step, _business = website_analyses.c, persona_data.c, onboarding_steps.c, business_info.c


def _object(rows: Select[Any], name: str) -> Any:
    """The one row of a query as a JSON object."""
    subquery = rows.subquery(f"{name}_row")
    return select(func.to_json(subquery.table_valued())).select_from(subquery).scalar_subquery().label(name)


_CURRENT_ANALYSIS = (
    select(*(_analysis[name] for name in SummarisedAnalysis.__annotations__))
    .where(_analysis.user_id == USER)
    .order_by(*NEWEST_FIRST)
    .limit(1)
)
_PERSONA = select(*(_persona[name] for name in PERSONA_FIELDS)).where(_persona.user_id == USER)
_BUSINESS = select(*(_business[name] for name in BUSINESS_FIELDS)).where(_business.user_id == USER)
_INTEGRATIONS = select(_step.data).where(_step.user_id == USER, _step.step_key == INTEGRATIONS.key)
MAX_PARTS_BYTES = MAX_ANSWER_BYTES - 100_000  # keys' masks and business information need room too

_always = select(literal_column("1").label("one")).subquery("always")
_session = (
    select(session_tag.label("tag"), is_new_to_caller.label("is_new"))
    .select_from(_always.outerjoin(onboarding_sessions, onboarding_sessions.c.user_id == USER))
    .subquery("session")
)
_PARTS = (
    _object(_CURRENT_ANALYSIS, "website_analysis"),
    _object(PREFERENCES_OF_USER, "research_preferences"),
    _object(_PERSONA, "persona"),
    _INTEGRATIONS.scalar_subquery().label("integrations"),
)


def _if_new(column: Any, is_new: ColumnElement[bool]) -> ColumnElement[Any]:
    """The column, null and not even looked up where the caller knows the session's tag."""
    return case((is_new, column.element)).label(column.name)


_parts = (
    select(_session.c.tag, _session.c.is_new, *(_if_new(part, _session.c.is_new) for part in _PARTS))
    .cte("parts")
    .prefix_with("MATERIALIZED")
)
_sizes = {part.name: func.coalesce(func.octet_length(cast(_parts.c[part.name], Text)), 0) for part in _PARTS}


def _fits(name: str) -> ColumnElement[bool]:
    """Whether the part fits together with all smaller ones: Postgres does not send the others."""
    size, names = _sizes[name], list(_sizes)
    smaller = (
        case((other <= size if names.index(place) < names.index(name) else other < size, other), else_=0)
        for place, other in _sizes.items()
        if place != name
    )
    return reduce(operator.add, smaller, size) <= MAX_PARTS_BYTES


def _part(name: str) -> ColumnElement[Any]:
    part = _parts.c[name]
    rest = func.json_build_object(_URL, part.op("->")(_URL), type_=JSON) if name == "website_analysis" else null()
    return case((_fits(name), part), else_=rest).label(name)


_URL: ColumnElement[str] = literal_column("'website_url'")
READ = Query(
    select(
        _parts.c.tag,
        *map(_part, _sizes),
        *(_if_new(column, _parts.c.is_new) for column in (*PROVIDERS_AND_KEYS, _object(_BUSINESS, "business_info"))),
        func.array_remove(array([case((~_fits(name), name)) for name in _sizes]), null()).label("too_large"),
    ).select_from(_parts),
    SummaryRow,
)
