"""How Postgres executes each statement among many users."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.every_call import BASE, READS, WRITES, url
from dev.harness.in_process import InProcess
from dev.harness.population import populate
from dev.harness.statements import Sent, enter, explain, recording
from dev.harness.wizard import WEBSITE, complete_step, walk
from lib.db import funnel
from lib.db.scope import Scope
from lib.db.tables import metadata
from tests.support.given_server import GivenServer, Server
from tests.support.inspection import Superuser, superuser

USER = "user_2plans"
USERS = 5_000
LOOK_UPS = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}

type Found = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def sent() -> Iterator[list[Sent]]:
    """Everything that is sent from now on."""
    with recording() as every:
        yield every


def statements(sent: list[Sent]) -> Found:
    """Every statement once, with values that it was sent with."""
    found: dict[str, dict[str, Any]] = {}
    for each in sent:
        for statement in each.statements:
            found.setdefault(statement.sql, {**statement.values, **each.scope.values})
    return list(found.items())


def run_everything(calls: InProcess) -> None:
    """Make the endpoints run every statement that they have."""
    walk(calls, USER, 1, 2, 3, 4, 5)
    for path in READS:
        assert calls.get(url(path, USER), user=USER).status in {200, 404}, path
    for method, path, body in WRITES:
        assert calls.request(method, url(path, USER, calls), user=USER, json=body).status in {200, 204}, path


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan, those on the workers of a cluster included."""
    if "Node Type" in plan:
        yield plan
    for inner in plan.values():
        yield from _nodes_within(inner)


def _nodes_within(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield from nodes(part)
    elif isinstance(part, list):
        for each in part:
            yield from _nodes_within(each)


def explained(database: Superuser, statement: str, parameters: Mapping[str, Any], how: str = "") -> dict[str, Any]:
    """What EXPLAIN says, as JSON. The values stand in its text, since a cluster explains nothing with parameters."""
    cursor = psycopg.ClientCursor(database)
    row = cursor.execute(f"EXPLAIN ({how}FORMAT JSON) {statement}", parameters).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0][0]  # type: ignore[index] # EXPLAIN's one column is JSON
    return found


def pages_read(database: Superuser, statement: str, parameters: dict[str, Any]) -> int:
    """How many pages a statement touches when it is executed and its answer is written out, catalogues aside."""
    return min(_pages_read_once(database, statement, parameters) for _ in range(3))


def _pages_read_once(database: Superuser, statement: str, parameters: dict[str, Any]) -> int:
    writes_out = "SERIALIZE, " if database.info.server_version >= 170000 else ""
    found = explained(database, statement, parameters, f"ANALYZE, BUFFERS, {writes_out}")
    # A node's pages are those of the nodes below it, too: the most are those of the whole plan.
    plan = max(map(_pages, nodes(found["Plan"])))
    return plan + _pages(found.get("Serialization", {}))


def _pages(part: dict[str, Any]) -> int:
    return int(part.get("Shared Hit Blocks", 0)) + int(part.get("Shared Read Blocks", 0))


def scanned(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that read a table or an index of ours."""
    return [
        node
        for node in nodes(plan)
        if "Scan" in node["Node Type"] and (table_of(node) in metadata.tables or "Index Name" in node)
    ]


def is_cluster(postgres: Server) -> bool:
    """Whether the rows are on other servers."""
    return isinstance(postgres, GivenServer) and bool(postgres.workers)


def table_of(node: dict[str, Any]) -> str:
    """The table that a node reads, the same for each of its shards."""
    return re.sub(r"_\d{6,}$", "", node.get("Relation Name", ""))


def test_init_does_not_read_what_it_does_not_send(
    environment: dict[str, str], token: TokenFactory, postgres: Server, sent: list[Sent]
) -> None:
    """A website analysis of megabytes costs a call that leaves it out not one page of the disk."""
    calls = InProcess("", 0, token)
    noise = "".join(random.Random(1).choices(string.ascii_letters, k=1_000_000))  # noqa: S311 - does not compress away
    complete_step(calls, USER, 2, {**WEBSITE, "analysis": {"crawl_result": {"text": noise}}})
    sent.clear()
    assert calls.get(f"{BASE}/init", user=USER).status == 200
    ((statement, parameters),) = statements(sent)
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        assert pages_read(database, statement, parameters) < 20
        with_the_analysis = {**parameters, "with_data": ["website"]}
        assert pages_read(database, statement, with_the_analysis) > 100  # as a check of the check


@pytest.mark.slow
def test_every_statement_finds_its_rows_by_index_and_user(
    environment: dict[str, str], token: TokenFactory, postgres: Server, sent: list[Sent]
) -> None:
    """Among any number of users a request touches the rows of its own: each scan is an index look-up of one user."""
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        run_everything(InProcess("", 0, token))
        populate(database, USERS)
        assert len(statements(sent)) >= 20
        is_kept = not is_cluster(postgres)
        assert all(each.scope.prepares for each in sent) or not is_kept
        with database.transaction():
            enter(database, Scope(USER, prepares=is_kept, begins=not is_kept))
            if not is_kept:
                # A shard of these few users' business is a page, cheaper to read than an index of it.
                database.execute("SET LOCAL enable_seqscan = off")
            for statement, parameters in statements(sent):
                # A cluster makes a plan for the values each time.
                plan = (explain if is_kept else explained)(database, statement, parameters)["Plan"]
                for node in scanned(plan):
                    if node["Node Type"] == "Bitmap Heap Scan":
                        continue  # its child is the look-up
                    assert node["Node Type"] in LOOK_UPS, (node, statement)
                    assert "user_" in node["Index Cond"], (node, statement)
                    assert not is_kept or USER not in node["Index Cond"], "a plan for one user is not the one kept"


@pytest.mark.slow
def test_the_funnel_counts_without_reading_the_steps(environment: dict[str, str], postgres: Server) -> None:
    """Statuses come from an index alone, of all users or of those since a day; times of a bounded number of users."""
    if is_cluster(postgres):
        pytest.skip("on a cluster a step also meets its session by its user, whom that index does not have")
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        populate(database, USERS)
        # Steps as small as these are cheaper to read than an index of them; real ones are not.
        database.execute("SET enable_seqscan = off")
        database.execute("SELECT set_config('role', 'onboarding_operator', false)")
        for since in (None, datetime(2020, 1, 1, tzinfo=UTC)):
            counting = funnel.query(since)
            plan = explained(database, counting.sql, counting.values)["Plan"]
            steps = [node for node in nodes(plan) if table_of(node) == "onboarding_steps"]
            assert [node["Node Type"] for node in steps].count("Index Only Scan") == 2, steps
