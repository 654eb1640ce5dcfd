"""Everything that is stored of a user, in pages of one statement each; keys come as ciphertext next to their rows."""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from lib.db.api_keys import StoredKeys
from lib.db.database import Database
from lib.db.sql.api_keys import PROVIDERS_AND_KEYS
from lib.db.statements import USER, Query
from lib.db.tables import (
    api_keys,
    metadata,
    onboarding_events,
    onboarding_sessions,
    onboarding_steps,
    persona_data,
    platform_integrations,
)
from lib.steps.definitions import Status
from lib.steps.limits import MAX_ANSWER_BYTES
from lib.steps.progress import Progress, StepState

type JsonRow = dict[str, Any]
"""A row as JSON: times are ISO 8601 text."""

MAX_PAGE_ROWS = 40
MAX_PAGE_BYTES = MAX_ANSWER_BYTES - 100_000  # what is said besides, keys' masks for one, needs room too

_USER_TABLES = [table for table in metadata.sorted_tables if "user_id" in table.c]
_RENAMED = {
    onboarding_events.name: "history",
    onboarding_sessions.name: "session",
    onboarding_steps.name: "steps",
    persona_data.name: "persona",
    platform_integrations.name: "integrations",
}
NAMES = {table.name: _RENAMED.get(table.name, table.name) for table in _USER_TABLES}
"""What the export calls the rows of each table. A table that is not renamed keeps its name."""

LEFT_OUT = {api_keys.name: {"user_id", "session_id"}, onboarding_steps.name: {"written_by"}}
"""Columns that the export does not show, besides ciphertext: what is the same in every row, and what only we read."""

TIMES = {column.name for table in _USER_TABLES for column in table.c if isinstance(column.type, DateTime)}
"""The names of the columns that hold times."""


KEY = "export_key"
"""The name under which a row holds what orders it."""


class ExportedRow(TypedDict):
    """A row under the name of its table, and where it stands in the order of the export.

    A row that fits into no page comes `too_large`: without its JSON columns.
    """

    name: str
    key: str
    too_large: bool
    row: JsonRow


class ExportPage(StoredKeys):
    """A page of a user's rows, and how many there are from its beginning on, as far as they were looked at."""

    statuses: dict[str, Status]
    rows: list[ExportedRow]
    found: int


class Export(StoredKeys):
    """All rows of a user by their name in the export: an object or null, a list where a user may have several rows."""

    statuses: dict[str, Status]
    rows: dict[str, Any]


def progress_of(session: Mapping[str, Any], statuses: Mapping[str, Status]) -> Progress:
    """Where the user stands, by the exported session and the statuses of the steps by their keys."""
    return Progress(
        furthest_step=session.get("furthest_step"),
        completed_at=session.get("completed_at"),
        steps={key: StepState(status=status) for key, status in statuses.items()},
    )


def by_name(rows: Iterable[tuple[str, JsonRow]]) -> dict[str, Any]:
    """Rows by their name in the export: an object or null, a list where a user may have several rows."""
    grouped: dict[str, Any] = {NAMES[table.name]: None if _has_one_row(table) else [] for table in _USER_TABLES}
    for name, row in rows:
        if isinstance(grouped[name], list):
            grouped[name].append(row)
        else:
            grouped[name] = row
    return grouped


def _has_one_row(table: Table) -> bool:
    """Whether a user has one row of that table at most."""
    unique = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    return any([column.name for column in key.columns] == ["user_id"] for key in (table.primary_key, *unique))


def read(database: Database, user_id: str, after: tuple[str, str] | None = None) -> ExportPage:
    """The rows behind that name and key, as many as a page holds; `encrypted_keys` are in the order of `providers`."""
    name, key = after or ("", "")
    place = _PLACES.get(name, -1)
    return database.read(user_id, _READ(place=place, after=key))[0]


def read_all(database: Database, user_id: str) -> Export:
    """Every row of the user, page after page."""
    page = read(database, user_id)
    rows = page["rows"]
    while page["found"] > len(page["rows"]):
        last = rows[-1]
        page = read(database, user_id, (last["name"], last["key"]))
        rows = rows + page["rows"]
    return {
        "providers": page["providers"],
        "encrypted_keys": page["encrypted_keys"],
        "statuses": page["statuses"],
        "rows": by_name((found["name"], found["row"]) for found in rows),
    }


_PLACES = {NAMES[table.name]: place for place, table in enumerate(_USER_TABLES)}


def _key(table: Table) -> ColumnElement[str]:
    """A text that orders the user's rows of a table: by time where ids are random, then by the rest of the primary key.

    Numbers are filled up with zeros.
    """
    parts = [column for column in table.primary_key.columns if column.name != "user_id"]
    times = [table.c[name] for name in ("at", "created_at") if "id" in table.primary_key.columns and name in table.c]
    texts = [_padded(func.extract("epoch", time) * 1_000_000) for time in times]
    texts += [_padded(part) if isinstance(part.type, BigInteger) else cast(part, Text) for part in parts]
    return func.concat_ws(literal_column("'/'"), literal_column("''"), *texts, type_=Text).collate("C")


def _padded(number: ColumnElement[Any]) -> ColumnElement[str]:
    return func.lpad(cast(cast(number, BigInteger), Text), 20, "0")


def _rows(table: Table) -> Any:
    """The next rows of a table: their place and key, and two JSON objects, all of the row and what is always small."""
    place, key = literal_column(str(_PLACES[NAMES[table.name]]), Integer), _key(table)
    left_out = LEFT_OUT.get(table.name, set())
    columns = [column for column in table.c if column.name not in left_out and not isinstance(column.type, LargeBinary)]
    is_next = or_(place > _place, and_(place == _place, key > _after))
    rows = (
        select(*columns, key.label(KEY))
        .where(table.c.user_id == USER, is_next)
        .order_by(key)
        .limit(literal_column(str(MAX_PAGE_ROWS + 1)))
        .subquery(f"next_{table.name}")
    )
    small = [column.name for column in columns if not isinstance(column.type, JSON)]
    parts = [part for name in small for part in (literal_column(f"'{name}'"), rows.c[name])]
    return select(
        place.label("place"),
        rows.c[KEY],
        literal_column(f"'{NAMES[table.name]}'", Text).label("name"),
        func.to_json(rows.table_valued()).label("whole"),
        func.json_build_object(*parts).label("small"),
    ).select_from(rows)


_place, _after = bindparam("place", type_=Integer), bindparam("after", type_=String)
_every = union_all(*map(_rows, _USER_TABLES)).cte("every_row").prefix_with("MATERIALIZED")
_in_order = [_every.c.place, _every.c[KEY]]
_whole_size, _small_size = (func.octet_length(cast(column, Text)) for column in (_every.c.whole, _every.c.small))
_is_small = _whole_size <= MAX_PAGE_BYTES
_size = case((_is_small, _whole_size), else_=_small_size)
_next = (
    select(
        *_in_order,
        _every.c.name,
        case((_is_small, _every.c.whole), else_=_every.c.small).label("row"),
        (~_is_small).label("too_large"),
        func.sum(_size).over(order_by=_in_order, rows=(None, 0)).label("total"),
    )
    .order_by(*_in_order)
    .limit(MAX_PAGE_ROWS + 1)
    .subquery("next_row")
)
_number = func.row_number().over(order_by=[_next.c.place, _next.c[KEY]])
_numbered = select(_next, _number.label("number")).subquery("numbered_row")
_fits = (_numbered.c.total <= MAX_PAGE_BYTES) & (_numbered.c.number <= MAX_PAGE_ROWS)
_row_parts = [
    part
    for name, column in {"name": "name", "key": KEY, "too_large": "too_large", "row": "row"}.items()
    for part in (literal_column(f"'{name}'"), _numbered.c[column])
]
_page = (
    select(
        func.json_agg(aggregate_order_by(func.json_build_object(*_row_parts), _numbered.c.number))
        .filter(_fits)
        .label("rows"),
        func.count().label("found"),
    )
    .select_from(_numbered)
    .subquery("page")
)
_statuses = select(func.json_object_agg(onboarding_steps.c.step_key, onboarding_steps.c.status)).where(
    onboarding_steps.c.user_id == USER
)
_READ = Query(
    select(
        *PROVIDERS_AND_KEYS,
        func.coalesce(_statuses.scalar_subquery(), literal_column("'{}'::json")).label("statuses"),
        func.coalesce(_page.c.rows, literal_column("'[]'::json")).label("rows"),
        _page.c.found,
    ).select_from(_page),
    ExportPage,
)
