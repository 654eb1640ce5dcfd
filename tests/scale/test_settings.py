"""What operators set for a database or a login, and what health says of each node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from dev.harness.client import Client
from dev.harness.wizard import walk
from dev.local_postgres import OWNER
from lib import bootstrap
from lib.db.schema import EXPECTED_REVISION
from scripts import distribute
from tests.support.cluster import Cluster
from tests.support.inspection import Superuser

pytestmark = pytest.mark.slow
USER = "user_2elsewhere"


@pytest.fixture
def generic_plans(database: Superuser) -> Iterator[None]:
    """A database whose default is a generic plan, of which Citus has none."""
    name = sql.Identifier(database.info.dbname)
    database.execute(sql.SQL("ALTER DATABASE {} SET plan_cache_mode = 'force_generic_plan'").format(name))
    bootstrap.reset()
    yield
    bootstrap.reset()


def test_a_default_of_generic_plans_is_no_obstacle(generic_plans: None, http: Client) -> None:
    """Requests are answered as ever: reads, writes and the summary."""
    walk(http, USER, 1, 2, 3)
    assert http.get("/api/onboarding/summary", user=USER).status == 200


@pytest.mark.parametrize("number", [0, 1, 2])
def test_health_of_each_node_names_the_revision(
    cluster: Cluster, http: Client, database: Superuser, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The page opens with it, whichever node its functions ask."""
    monkeypatch.setenv("DATABASE_URL", cluster.nodes[number].url(database.info.dbname, OWNER))
    bootstrap.reset()
    answer = http.get("/api/health")
    assert (answer.status, answer.json()["schema_revision"]) == (200, EXPECTED_REVISION)


def test_a_worker_that_knows_an_older_revision_is_told(
    cluster: Cluster, database: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    """A migration changes the coordinator's alone; the next run of `distribute.py` passes it on."""
    name = database.info.dbname
    with cluster.nodes[1].connect(name) as worker:
        worker.execute("UPDATE alembic_version SET version_num = '2026_01_01_01'")
        worker.commit()
        assert distribute.main([cluster.coordinator.url(name, OWNER)]) == 0
        assert "every node knows" in capsys.readouterr().out
        assert worker.execute("SELECT version_num FROM alembic_version").fetchall() == [(EXPECTED_REVISION,)]


def test_a_login_may_have_another_search_path(cluster: Cluster, database: Superuser) -> None:
    """The schema is found all the same."""
    url = cluster.coordinator.url(database.info.dbname, OWNER)
    assert distribute.main([f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dpg_catalog", "--dry-run"]) == 0
