"""A write that meets the moment in which its user's rows change their place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from dev.harness.client import Client
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
