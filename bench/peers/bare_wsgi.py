"""The least that could answer: WSGI, psycopg, json, a pool, and this project's own SQL in one round trip.

No framework, no token, no rules, no decryption, no error handling: the user is a header. `same_sql` is written by
`bench.deployments` from `lib/db`.
"""

import json
import os
import queue
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row
from same_sql import COLUMNS, SAVE_STEP_2, SUMMARY

POOL: queue.LifoQueue[psycopg.Connection[Any] | None] = queue.LifoQueue()
for _ in range(5):
    POOL.put(None)


@contextmanager
def connection() -> Iterator[psycopg.Connection[Any]]:
    """A pooled connection, opened at its first use."""
    held = POOL.get()
    try:
        held = held or psycopg.connect(
            os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=None, row_factory=dict_row
        )
        yield held
    finally:
        POOL.put(held)


def _connect() -> psycopg.Connection[dict[str, Any]]:
    url = os.environ["DATABASE_URL"]
    return psycopg.connect(url, autocommit=True, prepare_threshold=None, row_factory=dict_row)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The summary, or step 2's completion."""
    user: str = environ["HTTP_X_USER"]
    answer = _summary(user) if environ["REQUEST_METHOD"] == "GET" else _complete(user, environ)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def _summary(user: str) -> bytes:
    row = _last_row(SUMMARY, {"user_id": user})
    return json.dumps(row, default=str).encode()


def _complete(user: str, environ: dict[str, Any]) -> bytes:
    data = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["data"]
    analysis = data["analysis"]
    columns = {name: json.dumps(analysis[name]) if name in analysis else None for name in COLUMNS}
    own = {"user_id": user, "request_id": None, "write_seed": 2**52 + secrets.randbits(51), "done_by": time.time() + 5}
    row = _last_row(SAVE_STEP_2, {**own, "website_url": data["website"], "data": json.dumps(data), **columns})
    return json.dumps({"furthest_step": row["furthest_step"], "data": data}).encode()


def _last_row(statements: list[tuple[str, dict[str, Any]]], values: dict[str, Any]) -> dict[str, Any]:
    with connection() as held:
        with held.pipeline():
            for statement, constants in statements:
                cursor = held.execute(statement, {**constants, **values})
        return cursor.fetchone() or {}
