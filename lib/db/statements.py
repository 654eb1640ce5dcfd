"""SQLAlchemy Core statements, compiled once, and what is sent of them to Postgres.

The driver sends them itself (`lib.db.engine`), several in one round trip, so nothing here needs a connection.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BindParameter,
    ColumnElement,
    Select,
    String,
    Table,
    UpdateBase,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.dml import ReturningDelete

from lib.db.json_values import json_or_null, jsonb_or_null
from lib.db.tables import onboarding_sessions

_DIALECT = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's constructor has no annotations

_USER_ID = "user_id"
_BOOKKEEPING = {"id", _USER_ID, "session_id", "created_at", "updated_at"}
USER = bindparam(_USER_ID, type_=String)
"""Whose rows a statement is about. The database binds it to the user for whom it runs."""


@dataclass(frozen=True)
class Bound[Row]:
    """A statement with its values, ready to be sent. `Row` is what its rows look like, where it has any."""

    sql: str
    values: Mapping[str, Any]


class Statement:
    """A compiled statement whose rows nobody reads. Calling it with a value for each of its parameters binds it."""

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        parameters = {name: parameter for name, parameter in compiled.binds.items() if parameter.required}
        self._constants = {name: value for name, value in compiled.params.items() if name not in parameters}
        self._names = parameters.keys() - {_USER_ID}
        self._encoders = {
            name: encode for name, parameter in parameters.items() if (encode := _encoder(name, parameter))
        }

    def __call__(self, **values: object) -> Bound[Any]:
        """Bind the statement. Raises `TypeError` where a parameter has no value, or a value no parameter."""
        return Bound(self.sql, self._bound(values))

    def _bound(self, values: Mapping[str, object]) -> dict[str, object]:
        if values.keys() != self._names:
            raise TypeError(f"{sorted(map(str, values.keys() ^ self._names))} in {self.sql}")
        encoded = {name: encode(values[name]) for name, encode in self._encoders.items()}
        return {**self._constants, **values, **encoded}


class Query[Row: Mapping[str, Any]](Statement):
    """A compiled statement that gives rows. `row` is the `TypedDict` of one; it has to name the statement's columns."""

    def __init__(self, statement: Select[Any] | ReturningDelete[Any], row: type[Row]) -> None:
        super().__init__(statement)
        columns = set(statement.exported_columns.keys())
        if differing := columns ^ set(row.__annotations__):
            raise TypeError(f"{row.__name__} and its statement differ in {sorted(map(str, differing))}")

    def __call__(self, **values: object) -> Bound[Row]:
        """Bind the statement, as `Statement` does."""
        return Bound(self.sql, self._bound(values))


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
) -> Insert:
    """Insert a row of a user's session, or update the one with the same `key`. The session has to be there already.

    The columns `names` are parameters, those of `computed` expressions. A column of `keep_if_null` keeps its value
    where the new one is null. Columns that the statement leaves alone have to be named as `untouched`: raises
    `TypeError` at import for a column of the table that stands nowhere, since its value would be lost.
    """
    values = {name: parameter(table, name) for name in names} | dict(computed or {})
    if forgotten := set(table.c.keys()) - values.keys() - _BOOKKEEPING - set(untouched):
        raise TypeError(f"the upsert of {table.name} leaves out {sorted(forgotten)}")
    row = select(USER, onboarding_sessions.c.id, *values.values()).where(onboarding_sessions.c.user_id == USER)
    statement = insert(table).from_select(["user_id", "session_id", *values], row)
    replaced = {name: statement.excluded[name] for name in (*values, "updated_at")}
    kept = {name: func.coalesce(statement.excluded[name], table.c[name]) for name in keep_if_null}
    return statement.on_conflict_do_update(index_elements=list(key), set_=replaced | kept)


def _encoder(name: str, parameter: BindParameter[Any]) -> Any:
    if isinstance(parameter.type, JSONB):
        return partial(jsonb_or_null, name)
    if isinstance(parameter.type, ARRAY):
        return list
    return json_or_null if isinstance(parameter.type, JSON) else None
