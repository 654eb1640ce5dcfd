"""A write that meets the moment in which its user's rows change their place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from psycopg import sql

from dev.harness.client import Client
from dev.harness.waiting import wait_until
from dev.local_postgres import OWNER
from lib.db import drafts
from lib.db.database import Database
from lib.db.engine import build_pool
from lib.steps.definitions import RESEARCH
from tests.support.cluster import Cluster
from tests.support.inspection import Superuser

pytestmark = pytest.mark.slow
USER = "user_2moving"
STEP = "/api/onboarding/step/3"

# What a worker says where the event is written to the new place, and its session is at the old one.
MOVING = """
    CREATE SEQUENCE times_missed;
    GRANT USAGE ON SEQUENCE times_missed TO PUBLIC;
    CREATE FUNCTION miss_session() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('public.times_missed') <= TG_ARGV[0]::int THEN
            RAISE foreign_key_violation USING MESSAGE = 'the session is not here';
        END IF;
        RETURN NEW;
    END $$;
"""


@pytest.fixture
def moving(cluster: Cluster, http: Client, database: Superuser, request: pytest.FixtureRequest) -> Iterator[None]:
    """The user has a session, which the workers do not find the first so many times that a step is written."""
    http.post("/api/onboarding/start", user=USER)
    workers = [node.connect(database.info.dbname) for node in cluster.nodes[1:3]]
    for worker in workers:
        worker.execute("SET citus.enable_ddl_propagation = off")
        worker.execute(MOVING)
        shards = worker.execute(
            "SELECT shard_name::text FROM citus_shards WHERE nodeport = inet_server_port()"
            " AND table_name = 'onboarding_steps'::regclass"
        ).fetchall()
        for (name,) in shards:
            trigger = "CREATE TRIGGER moving BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION miss_session({})"
            shard, times = sql.Identifier(str(name)), sql.Literal(str(request.param))
            worker.execute(sql.SQL(trigger).format(shard, times))
        worker.commit()
    yield
    for worker in workers:
        worker.execute("DROP FUNCTION miss_session CASCADE")
        worker.execute("DROP SEQUENCE times_missed")
        worker.commit()
        worker.close()


@pytest.mark.parametrize("moving", [1], indirect=True)
def test_it_is_sent_once_more(moving: None, http: Client) -> None:
    """By then the rows are together again."""
    assert http.request("PUT", f"{STEP}/draft", user=USER, json={"data": {"written": True}}).status == 200
    assert http.get(STEP, user=USER).json()["draft"]["data"] == {"written": True}


@pytest.mark.parametrize("moving", [1000], indirect=True)
def test_it_is_answered_503_where_that_does_not_help(moving: None, http: Client) -> None:
    """It may be tried again, and nothing of it is there."""
    answer = http.request("PUT", f"{STEP}/draft", user=USER, json={"data": {"written": True}})
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    assert http.get(STEP, user=USER).json()["draft"] is None


def test_a_write_that_waits_for_a_move_takes_its_users_lock_after_that(cluster: Cluster, database: Superuser) -> None:
    """It would get the lock where the rows were, and a write through another node where they are."""
    name, node = database.info.dbname, cluster.nodes[1]
    lock = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))"
    place = (
        "SELECT shardid, nodeport FROM citus_shards WHERE table_name = 'onboarding_sessions'::regclass"
        " AND shardid = get_shard_id_for_distribution_column('onboarding_sessions', %s::varchar)"
    )
    ((shard, port),) = database.execute(place, [USER]).fetchall()
    (rows,) = (other for other in cluster.nodes if other.port == port)
    with ThreadPoolExecutor(1) as pool, closing(Database(build_pool(node.url(name, OWNER)))) as entry:
        with (
            node.connect(name) as mover,
            mover.transaction(force_rollback=True),
            node.connect(name) as watcher,
            rows.connect(name) as witness,
        ):
            mover.execute("SELECT lock_shard_metadata(7, ARRAY[%s]::bigint[])", [shard])
            write = pool.submit(drafts.save, entry, USER, RESEARCH, {"n": 1}, if_match=None)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(lambda: watcher.execute(waiting).fetchone() == (1,))
            assert witness.execute(lock, [USER]).fetchone() == (True,)
        assert write.result()["version"] == 1
