"""Requests on a cluster: ids of any text, a whole walk, two entry nodes, and a worker that joins meanwhile."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from psycopg import sql

from dev.harness.client import Client, Response
from dev.harness.wizard import walk
from dev.local_postgres import OWNER
from lib.db import api_keys, drafts
from lib.db.database import Database
from lib.db.engine import build_pool
from lib.errors import VersionMismatch
from lib.steps.definitions import RESEARCH
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
    name = sql.Identifier(database.info.dbname)
    database.execute(
        sql.SQL("ALTER DATABASE {} SET standard_conforming_strings = {}").format(name, sql.SQL(conforming))
    )
    for user in IDS:
        assert http.request("PUT", f"{BASE}/step/3/draft", user=user, json={"data": {"own": user}}).status == 200, user
    for user in IDS:
        assert http.get(f"{BASE}/step/3", user=user).json()["draft"]["data"] == {"own": user}
    assert database.execute("SELECT count(*) FROM onboarding_sessions").fetchone() == (len(IDS),)


def test_a_walk_through_the_six_steps(http: Client) -> None:
    """The wizard's steps are stored on the workers and end in a completed onboarding."""
    walk(http, "user_2walk", 1, 2, 3, 4, 5, 6)
    assert http.post(f"{BASE}/complete", user="user_2walk", json={}).status == 200
    assert http.get(f"{BASE}/status", user="user_2walk").json()["is_completed"] is True


@pytest.fixture
def entries(cluster: Cluster, database: Superuser) -> Iterator[list[Database]]:
    """The same database through the coordinator and through each worker."""
    opened = [Database(build_pool(node.url(database.info.dbname, OWNER))) for node in cluster.nodes[:3]]
    yield opened
    for entry in opened:
        entry.close()


def at_once[Result](calls: list[Callable[[], Result]]) -> list[Result]:
    """Begin all calls at the same moment."""
    barrier = threading.Barrier(len(calls))

    def begun(call: Callable[[], Result]) -> Result:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begun, calls))


def test_writes_through_two_entry_nodes_lose_nothing(entries: list[Database]) -> None:
    """Advisory locks are each node's own; the session's row is locked on its one worker whichever way a write comes."""
    user = "user_2two_ways"

    def save(entry: Database, way: int) -> None:
        for number in range(10):
            api_keys.save(entry, user, f"provider-{way}-{number}", b"key", None)

    at_once([partial(save, entry, way) for way, entry in enumerate(entries)])
    assert len(api_keys.read(entries[0], user)) == 10 * len(entries)


def test_one_of_two_conditional_writes_through_two_entry_nodes_is_stored(entries: list[Database]) -> None:
    """With the same version in If-Match, exactly one wins, round after round."""
    user = "user_2versions"

    def won(version: int, entry: Database) -> bool:
        try:
            drafts.save(entry, user, RESEARCH, {"n": version}, if_match=[version])
        except VersionMismatch:
            return False
        return True

    for version in range(10):
        results = at_once([partial(won, version, entry) for entry in entries])
        assert Counter(results)[True] == 1, (version, results)


def test_a_worker_that_joins_while_20_users_write(cluster: Cluster, http: Client, database: Superuser) -> None:
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
