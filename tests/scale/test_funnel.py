"""The funnel of a cluster gives the figures that one Postgres gives of the same users, by whichever node is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from dev.harness.client import Client
from dev.harness.postgres import alembic, throwaway_postgres
from dev.local_postgres import OWNER
from lib import bootstrap
from lib.db import funnel
from lib.db.database import Database
from lib.db.engine import build_pool
from lib.steps.definitions import SIX_STEPS
from lib.steps.funnel import Funnel
from lib.steps.funnel import funnel as figures
from tests.support.cluster import Cluster
from tests.support.inspection import Superuser, superuser

pytestmark = pytest.mark.slow
USERS = 300
SINCE = [None, datetime(2026, 1, 1, 2, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
TOKEN = "an-operations-token-of-32-chars-or-more"

# A user begins each minute. How far they get, what they skip, begin again or are in the middle of, and in which order
# and how quickly, follows from their number.
_BEGAN = "timestamptz '2026-01-01 00:00Z' + n * interval '1 minute'"
_KEYS = "ARRAY['api_keys', 'website', 'research', 'persona', 'integrations', 'finish']"
SESSIONS = f"""
    INSERT INTO onboarding_sessions (user_id, id, furthest_step, started_at, updated_at, completed_at)
    SELECT 'user_2counted_' || n, n, ({_KEYS})[n % 7], {_BEGAN}, {_BEGAN}, CASE WHEN n % 7 = 6 THEN {_BEGAN} END
    FROM generate_series(1, {USERS}) AS n
"""  # noqa: S608 - constants
STEPS = f"""
    INSERT INTO onboarding_steps (user_id, session_id, step_key, status, completed_at, updated_at)
    SELECT user_id, id, key, status,
           CASE WHEN status IN ('completed', 'skipped') THEN started_at + took * interval '1 second' END,
           started_at + id % 5 * interval '10 second'
    FROM (
        SELECT *, row_number() OVER (PARTITION BY id ORDER BY place) AS number,
               (place + CASE id % 6 WHEN 5 THEN 7 - 2 * place ELSE 0 END) * (10 + id % 13) AS took,
               CASE WHEN place <= id % 7 THEN CASE WHEN place > 3 AND id % 4 = 0 THEN 'skipped' ELSE 'completed' END
                    WHEN id % 3 = 0 THEN 'in_progress' ELSE 'pending' END AS status
        FROM onboarding_sessions, unnest({_KEYS}) WITH ORDINALITY AS keys (key, place) WHERE place <= id % 7 + 1
    ) AS steps
"""  # noqa: S608 - constants


def fill(database: Superuser) -> None:
    """Add the users."""
    database.execute(SESSIONS.encode())
    database.execute(STEPS.encode())


def counted(url: str) -> list[Funnel]:
    """The funnel of all users, and of those since each time. Asked twice: what is learned of a server is remembered."""
    database = Database(build_pool(url))
    found = [figures(funnel.read(database, since), SIX_STEPS) for since, _ in product(SINCE, range(2))]
    database.close()
    return found


@pytest.fixture
def on_one_server() -> list[Funnel]:
    """What a Postgres without Citus gives of the users."""
    with throwaway_postgres(in_memory=True) as server:
        url = server.create_database("counted")
        alembic(url, "upgrade", "head")
        with superuser(server, url) as database:
            fill(database)
        return counted(url)


def test_every_node_counts_as_one_postgres_does(
    cluster: Cluster, database: Superuser, on_one_server: list[Funnel]
) -> None:
    """Users, steps, medians: of all, of some, and of none."""
    fill(database)
    assert on_one_server[0]["started"] == USERS > on_one_server[2]["started"] > on_one_server[4]["started"] == 0
    assert all(step["median_seconds"] for step in on_one_server[0]["steps"])
    assert any(step["in_progress"] for step in on_one_server[0]["steps"])
    for node in cluster.nodes[:3]:
        assert counted(node.url(database.info.dbname, OWNER)) == on_one_server


def test_the_url_answers_within_its_limit(http: Client, database: Superuser, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has five seconds like any request, the first that a function is asked included."""
    fill(database)
    monkeypatch.setenv("OPERATIONS_TOKEN", TOKEN)
    bootstrap.reset()
    for query in ("", "?since=2026-01-01"):
        answer = http.get(f"/api/operations/funnel{query}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status == 200
        assert answer.json()["started"] == USERS
