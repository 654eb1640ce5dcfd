"""What a request asks goes to the one server that has the user's rows, whichever node was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dev.harness.client import Client
from dev.harness.every_call import READS, WRITES, url
from dev.harness.statements import recording
from dev.harness.wizard import walk
from dev.local_postgres import OWNER
from lib.db.scope import Scope, becoming
from tests.support.cluster import Cluster
from tests.support.inspection import Superuser

pytestmark = pytest.mark.slow
USER = "user_2routed"

IN_TWO_PARTS = ("WITH made AS", "INSERT INTO onboarding_sessions")
"""A session is made, and then its event, on the same shard: see docs/SCALE.md."""


def numbers(plan: object, name: str) -> Iterator[Any]:
    """Each value of that name in a plan."""
    for key, value in plan.items() if isinstance(plan, dict) else enumerate(plan) if isinstance(plan, list) else ():
        if key == name:
            yield value
        yield from numbers(value, name)


def test_every_statement_is_for_one_shard(cluster: Cluster, http: Client, database: Superuser) -> None:
    """One task, and no part that is fetched first, but for a session that is made."""
    with recording() as sent:
        walk(http, USER, 1, 2, 3, 4, 5)
        for path in READS:
            http.get(url(path, USER, http), user=USER)
        for method, path, body in WRITES:
            http.request(method, url(path, USER, http), user=USER, json=body)
    statements = {one.sql: {**one.values, **each.scope.values} for each in sent for one in each.statements}
    locks = Scope(USER, exclusive=True, begins=True).lock()[1:2]
    statements |= {lock.sql: {**lock.values, "user_id": USER} for lock in locks}
    assert len(statements) > 60
    for node in cluster.nodes[:3]:
        with node.connect(database.info.dbname, OWNER) as connection, connection.transaction():
            for command in becoming(USER):
                connection.execute(command.encode())
            for statement, values in statements.items():
                row = psycopg.ClientCursor(connection).execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()
                assert row is not None
                tasks, parts = [*numbers(row[0], "Task Count")], [*numbers(row[0], "Subplans")]
                is_session_made = all(words in statement for words in IN_TWO_PARTS)
                assert tasks == ([1, 1] if is_session_made else [1]), (node.port, statement)
                assert bool(parts) is is_session_made, (node.port, statement)
