"""One round trip: statements go out through libpq's pipeline, and their results come back up to the Sync at its end.

psycopg's `connection.pipeline()` names the statements that it prepares by a counter. Behind a pooler that lets clients
share a server's prepared statements (PgBouncer before 1.21 in transaction mode), such a name may mean another client's
statement. Here the name of a statement is made from its text: it means the same statement everywhere, or is not there.
https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
"""

import re
import select
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

_PARAMETER = re.compile(r"%(?:\((\w+)\)s|%)")
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE, ExecStatus.NONFATAL_ERROR)


@dataclass(frozen=True)
class Numbered:
    """A statement as Postgres takes it: its text with `$1`, `$2`, … and the names of the values in that order.

    `name` is what it is prepared as.
    """

    text: bytes
    names: Sequence[str]
    name: bytes


@lru_cache(1024)
def numbered(sql: str) -> Numbered:
    """A statement with `%(name)s` for each value and `%%` for a percent sign, as Postgres takes it."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${names.setdefault(match[1], len(names) + 1)}" if match[1] else "%"

    text = _PARAMETER.sub(number, sql).encode()
    return Numbered(text, tuple(names), b"onboarding_" + blake2b(text, digest_size=16).hexdigest().encode())


@dataclass(frozen=True)
class Outgoing:
    """A statement with its values, as text but for bytes. Without types: Postgres tells each from its place."""

    statement: Numbered
    values: Sequence[Buffer | None]
    formats: Sequence[int] | None
    is_prepared: bool


def outgoing(
    connection: psycopg.Connection[Any], sql: str, values: Mapping[str, Any], *, is_prepared: bool
) -> Outgoing:
    """Make a statement ready to be sent. Raises `psycopg.DataError` for a value that Postgres cannot take."""
    statement = numbered(sql)
    transformer = Transformer(connection)
    ordered = [values[name] for name in statement.names]
    dumped = transformer.dump_sequence(ordered, [_format(value) for value in ordered])
    return Outgoing(statement, dumped, transformer.formats, is_prepared)


def _format(value: object) -> PyFormat:
    return PyFormat.BINARY if isinstance(value, bytes) else PyFormat.TEXT


def exchange(
    pgconn: PGconn, statements: Sequence[Outgoing], prepared: set[bytes], deadline: float
) -> tuple[list[PGresult], psycopg.Error | None]:
    """The results of the statements, those before the first that failed, and its error.

    `prepared` are the names of the statements that the server has; those that are new to it are added. Raises
    `psycopg.OperationalError` when the connection breaks, or when the monotonic moment `deadline` passes.
    """
    pgconn.enter_pipeline_mode()
    sent = _sent(pgconn, statements, prepared)
    pgconn.pipeline_sync()
    received = [*_results(pgconn, deadline)]
    pgconn.exit_pipeline_mode()
    results: list[PGresult] = []
    for name, result in zip(sent, received, strict=True):
        if result.status in _FAILED:
            return results, error_from_result(result)
        if name is None:
            results.append(result)
        else:
            prepared.add(name)
    return results, None


class IsoTime(Loader):
    """A time as text by ISO 8601, which the scope asks for: psycopg's own goes by the default of the connection."""

    def load(self, data: Buffer) -> datetime:
        """The time with its offset."""
        return datetime.fromisoformat(bytes(data).decode())


def rows(connection: psycopg.Connection[Any], result: PGresult) -> list[dict[str, Any]]:
    """The rows of a result, by the names of their columns."""
    names = [(result.fname(number) or b"").decode() for number in range(result.nfields)]
    transformer = Transformer(connection)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, lambda values: dict(zip(names, values, strict=True)))


def _sent(pgconn: PGconn, statements: Sequence[Outgoing], prepared: Set[bytes]) -> list[bytes | None]:
    """Hand statements to libpq. For each result to come: the name that it prepares; None for a statement's own."""
    expected: list[bytes | None] = []
    for outgoing in statements:
        statement, values, formats = outgoing.statement, outgoing.values, outgoing.formats
        if not outgoing.is_prepared:
            pgconn.send_query_params(statement.text, values, param_formats=formats)
        else:
            if statement.name not in prepared and statement.name not in expected:
                pgconn.send_prepare(statement.name, statement.text)
                expected.append(statement.name)
            pgconn.send_query_prepared(statement.name, values, param_formats=formats)
        expected.append(None)
    return expected


def _results(pgconn: PGconn, deadline: float) -> Iterator[PGresult]:
    """Every result up to the Sync's. What the line does not take at once is sent while waiting for them."""
    ready = select.poll()
    has_more_to_send = bool(pgconn.flush())
    while True:
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                continue  # the end of one statement's results
            if result.status == ExecStatus.PIPELINE_SYNC:
                return
            yield result
        ready.register(pgconn.socket, select.POLLIN | (select.POLLOUT if has_more_to_send else 0))
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise psycopg.OperationalError("the server did not answer in time")
        pgconn.consume_input()
        has_more_to_send = has_more_to_send and bool(pgconn.flush())
