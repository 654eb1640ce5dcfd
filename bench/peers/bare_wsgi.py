"""The least that could answer: WSGI, psycopg, json, a pool, and this project's own SQL in one round trip.

No framework, no token, no rules, no decryption, no error handling: the user is a header. `same_sql` is written by
`bench.deployments` from `lib/db`.
"""

import json
import os
import queue
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from same_sql import COLUMNS, SAVE_STEP_2, SUMMARY

POOL: queue.LifoQueue[psycopg.Connection[Any] | None] = queue.LifoQueue()
for _ in range(5):
    POOL.put(None)


@contextmanager
def connection() -> Iterator[psycopg.Connection[Any]]:
    """A pooled connection, opened at its first use."""
    held = POOL.get()
    try:
        held = held or psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=None)
        yield held
    finally:
        POOL.put(held)


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The summary, or step 2's completion."""
    user: str = environ["HTTP_X_USER"]
    answer = _summary(user) if environ["REQUEST_METHOD"] == "GET" else _complete(user, environ)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def _summary(user: str) -> bytes:
    row = _last_row(SUMMARY, {"user_id": user})
    parts = ("website_analysis", "research_preferences", "persona", "integrations", "business_info")
    names = ("api_keys", None, *parts)
    return json.dumps({name: value for name, value in zip(names, row, strict=True) if name}).encode()


def _complete(user: str, environ: dict[str, Any]) -> bytes:
    data = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["data"]
    analysis = data["analysis"]
    columns = {name: json.dumps(analysis[name]) if name in analysis else None for name in COLUMNS}
    row = _last_row(SAVE_STEP_2, {"user_id": user, "website_url": data["website"], "data": json.dumps(data), **columns})
    return json.dumps({"furthest_step": row[1], "data": data}).encode()


def _last_row(statements: list[tuple[str, dict[str, Any]]], values: dict[str, Any]) -> tuple[Any, ...]:
    with connection() as held:
        with held.pipeline():
            for statement, constants in statements:
                cursor = held.execute(statement, {**constants, **values})
        return cursor.fetchone() or ()
