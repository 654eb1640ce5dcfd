"""Requests on a cluster: ids of any text, a whole walk, and a worker that joins meanwhile."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import pytest
from psycopg import sql

from dev.harness.client import Client, Response
from dev.harness.wizard import walk
from dev.local_postgres import OWNER
from lib import bootstrap
from scripts.distribution import distribute
from tests.support.cluster import HOST, Cluster
from tests.support.given_server import introduce
from tests.support.inspection import Superuser

pytestmark = pytest.mark.slow
BASE = "/api/onboarding"
IDS = [
    "o'ne",
    "back\\slash",
    "both\\'; DROP TABLE api_keys; --",
    "$$%s%(user_id)s:x",
    'double"quote',
    "ü🙂",
]


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_an_id_of_any_text_keeps_to_its_own_rows(http: Client, database: Superuser, conforming: str) -> None:
    """Quotes, backslashes and placeholders in an id are text to every node, however strings are read there."""
    everywhere(database, "ALTER DATABASE {} SET standard_conforming_strings = {}", conforming)
    bootstrap.reset()
    for user in IDS:
        assert http.request("PUT", f"{BASE}/step/3/draft", user=user, json={"data": {"own": user}}).status == 200, user
    for user in IDS:
        assert http.get(f"{BASE}/step/3", user=user).json()["draft"]["data"] == {"own": user}
    assert database.execute("SELECT count(*) FROM onboarding_sessions").fetchone() == (len(IDS),)


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_text_with_backslashes_stays_text_on_every_node(http: Client, database: Superuser, conforming: str) -> None:
    """What a user types ends no constant in what the coordinator writes to a worker, however that reads strings."""
    everywhere(database, "ALTER DATABASE {} SET standard_conforming_strings = {}", conforming)
    bootstrap.reset()
    business = {
        "business_description": "Bread and cakes since 1900\\",
        "industry": "t\\",
        "target_audience": "\\",
        "business_goals": "::varchar, (SELECT 'stolen')::varchar, now(), now(), NULL::jsonb -- \\'",
    }
    assert http.post(f"{BASE}/business-info", user="user_2typed", json=business).status == 200
    shown = http.get(f"{BASE}/business-info/user/me", user="user_2typed").json()
    assert {name: shown[name] for name in business} == business
    draft = {"one": "\\", "line": "\\n", "quoted": "\\'; --", "long": "\\" * 500}
    assert http.request("PUT", f"{BASE}/step/3/draft", user="user_2typed", json={"data": draft}).status == 200
    assert http.get(f"{BASE}/step/3", user="user_2typed").json()["draft"]["data"] == draft
    key = {"provider": "openai", "api_key": "sk-" + "a" * 40}
    assert http.post(f"{BASE}/api-keys", user="user_2typed", json=key).status == 200
    assert http.get(f"{BASE}/api-keys/onboarding", user="user_2typed").json()["api_keys"] == {"openai": key["api_key"]}


def everywhere(database: Superuser, statement: LiteralString, setting: str) -> None:
    """Change a default of the database on every node."""
    command = sql.SQL(statement).format(sql.Identifier(database.info.dbname), sql.SQL(setting)).as_string(database)
    results = database.execute("SELECT success FROM run_command_on_all_nodes(%s)", [command]).fetchall()
    assert {success for (success,) in results} == {True}


def test_a_walk_through_the_six_steps(http: Client) -> None:
    """The wizard's steps are stored on the workers and end in a completed onboarding."""
    walk(http, "user_2walk", 1, 2, 3, 4, 5, 6)
    assert http.post(f"{BASE}/complete", user="user_2walk", json={}).status == 200
    assert http.get(f"{BASE}/status", user="user_2walk").json()["is_completed"] is True


def test_a_worker_that_joins_while_20_users_write(
    cluster: Cluster, http: Client, database: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards move to it meanwhile: every acknowledged write is stored, each answer 200 or a 503 to try again."""
    name, stop = database.info.dbname, threading.Event()
    answers: list[Response] = []
    acknowledged: dict[str, int] = {}

    def write(user: str) -> None:
        for number in itertools.count():
            answer = http.request("PUT", f"{BASE}/step/3/draft", user=user, json={"data": {"n": number}})
            answers.append(answer)
            if answer.status == 200:
                acknowledged[user] = number
            if stop.is_set():
                return

    users = [f"user_2joins_{number}" for number in range(20)]
    with ThreadPoolExecutor(len(users)) as pool:
        writing = [pool.submit(write, user) for user in users]
        try:
            join(cluster, name, database)
        finally:
            stop.set()
        for each in writing:
            each.result()
    assert {answer.status for answer in answers} <= {200, 503}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 503)
    for user in users:
        assert http.get(f"{BASE}/step/3", user=user).json()["draft"]["data"]["n"] == acknowledged[user]
    placed = database.execute("SELECT DISTINCT nodeport FROM citus_shards WHERE citus_table_type = 'distributed'")
    assert len(placed.fetchall()) == 3
    assert shards_without_trigger(cluster, name) == []
    with cluster.coordinator.connect(name, OWNER) as connection:
        distribute(connection, say=lambda _line: None)
    monkeypatch.setenv("DATABASE_URL", cluster.nodes[-1].url(name, OWNER))
    bootstrap.reset()
    for user in users:
        assert http.get(f"{BASE}/init", user=user).status == 200  # it takes requests, too


def join(cluster: Cluster, name: str, database: Superuser) -> None:
    """Start a worker, and move its share of the shards to it."""
    node = cluster.start_node()
    with node.connect() as connection:
        connection.execute("SET citus.enable_create_database_propagation = off")
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(OWNER)))
    with node.connect(name) as connection:
        connection.execute("CREATE EXTENSION citus")
    # A test's database is a copy, and what Citus knows of the one that it was copied from concerns no new node.
    database.execute("DELETE FROM pg_dist_object WHERE classid = 'pg_database'::regclass")
    introduce(database, None, [(HOST, node.port)])
    # Postgres replicates into no table with row-level security, so each shard's writes wait while it is copied.
    database.execute("SELECT rebalance_table_shards(shard_transfer_mode := 'block_writes')")


def shards_without_trigger(cluster: Cluster, name: str) -> list[object]:
    """The shards of the events on which nothing trims them."""
    query = """
        SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^onboarding_events_[0-9]+$' AND relkind = 'r'
        AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal)
    """
    found: list[object] = []
    for node in cluster.nodes[1:]:
        with node.connect(name) as connection:
            found += connection.execute(query).fetchall()
    return found
