"""What the functions send to Postgres, recorded; and the plan that Postgres runs for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.pq import Format

from lib.db.bound import Bound
from lib.db.engine import Connection
from lib.db.pipeline import Outgoing, outgoing
from lib.db.scope import Scope

type Plan = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """One round trip: for whom, and what does the work."""

    scope: Scope
    statements: Sequence[Bound[Any]] = field(repr=False)

    def of(self, user: str, seed: int = 0) -> Sent:
        """The same of another user, with random bits of its own."""
        return replace(self, scope=replace(self.scope, user_id=user, write_seed=seed))


@contextmanager
def recording() -> Iterator[list[Sent]]:
    """Everything that this process sends to Postgres meanwhile."""
    sent: list[Sent] = []
    exchange = Connection.exchange

    def noting(self: Connection, scope: Scope, statements: Sequence[Bound[Any]]) -> list[dict[str, Any]]:
        sent.append(Sent(scope, list(statements)))
        return exchange(self, scope, statements)

    Connection.exchange = noting  # type: ignore[method-assign] # for as long as it is recorded
    try:
        yield sent
    finally:
        Connection.exchange = exchange  # type: ignore[method-assign] # as it was


def enter(connection: psycopg.Connection[Any], scope: Scope) -> None:
    """Begin as a request does: its role, its user, and how its statements are planned. Inside a transaction."""
    for statement in scope.statements():
        connection.execute(statement.sql.encode(), {**statement.values, **scope.values})


def explain(
    connection: psycopg.Connection[Any], statement: str, values: Mapping[str, Any], options: LiteralString = ""
) -> Plan:
    """What EXPLAIN, with further `options`, says of a statement as a request runs it: prepared, with values as text.

    The plan is then made for any values, as `lib.db.scope` asks for.
    """
    ready = outgoing(connection, statement, values, is_prepared=True)
    name = b"explained_" + ready.statement.name
    if connection.execute("SELECT FROM pg_prepared_statements WHERE name = %s", [name.decode()]).rowcount == 0:
        connection.execute(b"PREPARE " + name + b" AS " + ready.statement.text)
    literals = b", ".join(_literals(ready))
    execute = b"EXECUTE " + name + (b"(" + literals + b")" if literals else b"")
    row = connection.execute(b"EXPLAIN (FORMAT JSON" + options.encode() + b") " + execute).fetchone()
    if row is None:
        raise RuntimeError("EXPLAIN gave no row")
    plan: Plan = row[0][0]
    return plan


def _literals(ready: Outgoing) -> Iterator[bytes]:
    """The values as constants without a type, as the protocol has them."""
    for value, form in zip(ready.values, ready.formats or [Format.TEXT] * len(ready.values), strict=True):
        if value is None:
            yield b"NULL"
        else:
            text = "\\x" + bytes(value).hex() if form == Format.BINARY else bytes(value).decode()
            yield sql.Literal(text).as_bytes()
