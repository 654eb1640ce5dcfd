"""The least that could answer: WSGI, psycopg, json, a pool, and this project's own SQL in one turn.

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
from same_sql import COLUMNS, LOCK, SAVE_STEP_2, SCOPE, SUMMARY

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
    with connection() as held, held.pipeline():
        held.execute(SCOPE, (user,))
        row = held.execute(SUMMARY, {"user_id": user}).fetchone() or ()
    names = ("api_keys", None, "website_analysis", "research_preferences", "persona", "integrations")
    return json.dumps({name: value for name, value in zip(names, row, strict=True) if name}).encode()


def _complete(user: str, environ: dict[str, Any]) -> bytes:
    data = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))["data"]
    analysis = data["analysis"]
    columns = {name: json.dumps(analysis[name]) if name in analysis else None for name in COLUMNS}
    step = {"user_id": user, "step_number": 2, "status": "completed", "website_url": data["website"]}
    payload = {"data": json.dumps(data), "validation_errors": "[]"}
    with connection() as held, held.pipeline():
        held.execute(SCOPE, (user,))
        held.execute(LOCK, (user,))
        row = held.execute(SAVE_STEP_2, {**step, **payload, **columns}).fetchone() or ()
    return json.dumps({"current_step": row[1], "completion_percentage": row[2], "data": data}).encode()
