"""SQLAlchemy Core statements, compiled once, and what is sent of them to Postgres.

The driver sends them itself (`lib.db.engine`), several in one round trip, so nothing here needs a connection.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    Table,
    Text,
    UpdateBase,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from lib.db.bound import Bound, Compiled, Encoding
from lib.db.tables import onboarding_sessions

_DIALECT = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's constructor has no annotations

_COLON_AND_COMMA = literal_column("2", Integer)
_USER_ID = "user_id"
_BOUND_WHEN_SENT = {_USER_ID, "request_id", "write_seed"}
_BOOKKEEPING = {"id", _USER_ID, "session_id", "created_at", "updated_at"}
USER = bindparam(_USER_ID, type_=String)
"""Whose rows a statement is about. The database binds it to the user for whom it runs."""
REQUEST_ID = bindparam("request_id", type_=Text)
"""The request that a statement is run for, or null. The database binds it, too."""
WRITE_SEED = bindparam("write_seed", type_=BigInteger)
"""Random bits, the same where a list of statements is run again after a lost connection."""


class Statement:
    """A statement whose rows nobody reads, compiled once. Called with a value for each parameter, it is bound.

    It is compiled at its first use: a cold start pays for the statements that its request runs, and for no others.
    """

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        self._statement = statement

    def __call__(self, **values: object) -> Bound[Any]:
        """Bind the statement. Raises `TypeError` where a parameter has no value, or a value no parameter."""
        return self.compiled.bind(values)

    @property
    def sql(self) -> str:
        """The statement's text."""
        return self.compiled.sql

    @cached_property
    def compiled(self) -> Compiled:
        """The text, with what binding it takes."""
        compiled = self._statement.compile(dialect=_DIALECT)
        parameters = {name: parameter for name, parameter in compiled.binds.items() if parameter.required}
        return Compiled(
            str(compiled),
            constants={name: value for name, value in compiled.params.items() if name not in parameters},
            names=parameters.keys() - _BOUND_WHEN_SENT,
            encodings={name: kind for name, parameter in parameters.items() if (kind := _encoding(parameter))},
        )


class Query[Row: Mapping[str, Any]](Statement):
    """A compiled statement that gives rows. `row` is the `TypedDict` of one; it has to name the statement's columns."""

    def __init__(self, statement: Select[Any] | ReturningDelete[Any] | ReturningUpdate[Any], row: type[Row]) -> None:
        super().__init__(statement)
        self.row = row
        columns = set(statement.exported_columns.keys())
        if differing := columns ^ set(row.__annotations__):
            raise TypeError(f"{row.__name__} and its statement differ in {sorted(map(str, differing))}")

    def __call__(self, **values: object) -> Bound[Row]:
        """Bind the statement, as `Statement` does."""
        return super().__call__(**values)


def parameter(table: Table, name: str) -> BindParameter[Any]:
    """A parameter with the name and the type of a table's column."""
    return bindparam(name, type_=table.c[name].type)


def upsert(
    table: Table,
    names: Iterable[str],
    key: Iterable[ColumnElement[Any]],
    *,
    computed: Mapping[str, ColumnElement[Any]] | None = None,
    keep_if_null: Collection[str] = (),
    untouched: Collection[str] = (),
    updated: Mapping[str, ColumnElement[Any]] | None = None,
    only_if: ColumnElement[bool] | None = None,
    provided: ColumnElement[bool] | None = None,
    source: FromClause = onboarding_sessions,
) -> Insert:
    """Insert a row of a user's session, or update the one with the same `key`. The session has to be there already.

    The columns `names` are parameters, those of `computed` expressions. A column of `keep_if_null` keeps its value
    where the new one is null. Columns that the statement leaves alone have to be named as `untouched`: raises
    `TypeError` at import for a column of the table that stands nowhere, since its value would be lost.
    Columns of `updated` become that expression in a row that is there. Such a row stays as it is where it does not
    meet `only_if`; nothing happens at all where `provided` does not hold. `source` is what the sessions are joined to
    for the expressions of `computed`.
    """
    values = {name: parameter(table, name) for name in names} | dict(computed or {})
    if "written_by" in table.c:
        values["written_by"] = WRITE_SEED
    if forgotten := set(table.c.keys()) - values.keys() - _BOOKKEEPING - set(untouched) - set(updated or {}):
        raise TypeError(f"the upsert of {table.name} leaves out {sorted(forgotten)}")
    # The user comes from the session's row: a distributed database then sees that both rows lie together.
    session = onboarding_sessions.c
    # Neither does it take a default that is made anew for each row.
    own = {"id": WRITE_SEED} if "id" in table.c else {}
    row = select(session.user_id, session.id, *own.values(), *values.values()).select_from(source)
    row = row.where(session.user_id == USER)
    if provided is not None:
        row = row.where(provided)
    statement = insert(table).from_select(["user_id", "session_id", *own, *values], row)
    replaced = {name: statement.excluded[name] for name in (*values, "updated_at")}
    kept = {name: func.coalesce(statement.excluded[name], table.c[name]) for name in keep_if_null}
    return statement.on_conflict_do_update(
        index_elements=list(key), set_=replaced | kept | dict(updated or {}), where=only_if
    )


def with_members(
    stored: ColumnElement[Any], members: ColumnElement[Any], limit: int | None = None
) -> ColumnElement[Any]:
    """A stored JSON object, or null, with the members of another one put in. All other values keep their text.

    Where all would take more than `limit` bytes without blanks, the largest members are left out.
    """
    old = func.json_each(stored).table_valued("key", "value", name="old_members")
    new = func.json_each(members).table_valued("key", "value", name="new_members")
    replaced = func.json_object_keys(members).column_valued("replaced_member")
    kept = select(old.c.key, old.c.value).where(old.c.key.not_in(select(replaced)))
    every = union_all(kept, select(new.c.key, new.c.value)).subquery("every_member")
    merged = select(func.json_object_agg(every.c.key, every.c.value))
    if limit is not None:
        size = func.octet_length(cast(func.to_json(every.c.key), Text)) + func.octet_length(cast(every.c.value, Text))
        in_order = func.sum(size + _COLON_AND_COMMA).over(order_by=[size, every.c.key], rows=(None, 0))
        measured = select(every.c.key, every.c.value, in_order.label("total")).subquery("measured_member")
        fits = measured.c.total < literal_column(str(limit))
        merged = select(func.json_object_agg(measured.c.key, measured.c.value)).where(fits)
    return merged.scalar_subquery()


def _encoding(parameter: BindParameter[Any]) -> Encoding | None:
    if isinstance(parameter.type, JSONB):
        return "jsonb"
    if isinstance(parameter.type, ARRAY):
        return "array"
    return "json" if isinstance(parameter.type, JSON) else None
