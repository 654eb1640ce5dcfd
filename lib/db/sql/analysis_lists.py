"""The statements of `lib.db.analysis_lists`."""

import operator
from functools import reduce

from sqlalchemy import BigInteger, Integer, Text, bindparam, case, cast, func, literal_column, null, or_, select, tuple_

from lib.db.analysis_lists import ListedAnalysis
from lib.db.sql.website_analyses import NEWEST_FIRST
from lib.db.statements import USER, Query
from lib.db.tables import website_analyses
from lib.steps.fields import SAVED_ANALYSIS_FIELDS
from lib.steps.limits import MAX_ANSWER_BYTES, MAX_DATA_BYTES

MAX_PAGE_BYTES = MAX_ANSWER_BYTES - 100_000  # what is said besides needs room too
_FIELDS = [name for name in SAVED_ANALYSIS_FIELDS if name not in {"crawl_result", "business_data"}]
_analysis, _before = website_analyses.c, bindparam("before", type_=BigInteger)

_other = website_analyses.alias("before")
_date_of_other = select(_other.c.analysis_date).where(_other.c.user_id == USER, _other.c.id == _before)
_recent = (
    select(_analysis.id, _analysis.website_url, _analysis.analysis_date, _analysis.status, *map(_analysis.get, _FIELDS))
    .where(
        _analysis.user_id == USER,
        or_(
            _before.is_(null()),
            tuple_(_analysis.analysis_date, _analysis.id) < tuple_(_date_of_other.scalar_subquery(), _before),
        ),
    )
    .order_by(*NEWEST_FIRST)
    .limit(bindparam("most", type_=Integer))
    .subquery("recent")
)
_plain = [_recent.c[name] for name in ("id", "website_url", "analysis_date", "status")]
_parts = [part for name in _FIELDS for part in (literal_column(f"'{name}'"), _recent.c[name])]
# What is too large even on disk, compressed, need not be read to learn its size.
_on_disk = reduce(
    operator.add, (func.coalesce(func.pg_column_size(_recent.c[name]), literal_column("0")) for name in _FIELDS)
)
_built = (
    select(*_plain, case((_on_disk <= MAX_DATA_BYTES, func.json_build_object(*_parts))).label("fields"))
    .cte("built")
    .prefix_with("MATERIALIZED")
)
_size = func.octet_length(cast(_built.c.fields, Text))  # null where it was not looked at
_is_small = _size <= MAX_DATA_BYTES
_in_order = [_built.c.analysis_date.desc(), _built.c.id.desc()]
# A quote in a URL takes two characters in JSON.
_bytes = case((_is_small, _size), else_=0) + 2 * func.octet_length(_built.c.website_url) + 1000
_sized = select(
    *(_built.c[column.name] for column in _plain),
    case((_is_small, _built.c.fields)).label("fields"),
    func.sum(_bytes).over(order_by=_in_order, rows=(None, 0)).label("total"),
    func.count().over().label("found"),
).subquery("sized")
READ = Query(
    select(*(column for column in _sized.c if column.name != "total"))
    .where(_sized.c.total <= MAX_PAGE_BYTES)
    .order_by(_sized.c.analysis_date.desc(), _sized.c.id.desc()),
    ListedAnalysis,
)
