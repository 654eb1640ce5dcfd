"""How Postgres executes each statement among many users."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dev.harness.clerk import TokenFactory
from dev.harness.every_call import BASE, READS, WRITES, url
from dev.harness.in_process import InProcess
from dev.harness.population import populate
from dev.harness.statements import Sent, enter, explain, recording
from dev.harness.wizard import WEBSITE, complete_step, walk
from dev.local_postgres import LocalPostgres
from lib.db import funnel
from lib.db.scope import Scope
from lib.db.tables import metadata
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
    """Every node of a plan."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def pages_read(database: Superuser, statement: str, parameters: dict[str, Any]) -> int:
    """How many pages a statement touches when it is executed and its answer is written out."""
    explained = explain(database, statement, parameters, ", ANALYZE, BUFFERS, SERIALIZE")
    kinds = ("Shared Hit Blocks", "Shared Read Blocks")
    return sum(part[kind] for part in (explained["Plan"], explained["Serialization"]) for kind in kinds)


def scanned(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that read a table or an index of ours."""
    return [
        node
        for node in nodes(plan)
        if "Scan" in node["Node Type"] and (node.get("Relation Name") in metadata.tables or "Index Name" in node)
    ]


def test_init_does_not_read_what_it_does_not_send(
    environment: dict[str, str], token: TokenFactory, postgres: LocalPostgres, sent: list[Sent]
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
    environment: dict[str, str], token: TokenFactory, postgres: LocalPostgres, sent: list[Sent]
) -> None:
    """Among any number of users a request touches the rows of its own: each scan is an index look-up of one user."""
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        run_everything(InProcess("", 0, token))
        populate(database, USERS)
        assert len(statements(sent)) >= 20
        assert all(each.scope.prepares for each in sent)
        with database.transaction():
            enter(database, Scope(USER, prepares=True))
            for statement, parameters in statements(sent):
                for node in scanned(explain(database, statement, parameters)["Plan"]):
                    if node["Node Type"] == "Bitmap Heap Scan":
                        continue  # its child is the look-up
                    assert node["Node Type"] in LOOK_UPS, (node, statement)
                    assert "user_" in node["Index Cond"], (node, statement)
                    assert USER not in node["Index Cond"], "a plan for one user is not the one that is kept"


@pytest.mark.slow
def test_the_funnel_counts_without_reading_the_steps(environment: dict[str, str], postgres: LocalPostgres) -> None:
    """Statuses come from an index alone, of all users or of those since a day; times of a bounded number of users."""
    with superuser(postgres, environment["DATABASE_URL"]) as database:
        populate(database, USERS)
        # Steps as small as these are cheaper to read than an index of them; real ones are not.
        database.execute("SET enable_seqscan = off")
        database.execute("SELECT set_config('role', 'onboarding_operator', false)")
        for since in (None, datetime(2020, 1, 1, tzinfo=UTC)):
            counting = funnel.query(since)
            row = database.execute(f"EXPLAIN (FORMAT JSON) {counting.sql}", counting.values).fetchone()
            assert row is not None
            plan: dict[str, Any] = row[0][0]["Plan"]  # type: ignore[index] # EXPLAIN's one column is JSON
            steps = [node for node in nodes(plan) if node.get("Relation Name") == "onboarding_steps"]
            assert [node["Node Type"] for node in steps].count("Index Only Scan") == 2, steps
