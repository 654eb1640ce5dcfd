"""The database goes away and comes back while the functions run."""

from collections.abc import Iterator

import pytest

from dev.harness.client import Client
from dev.harness.postgres import alembic, throwaway_postgres
from dev.harness.wizard import WEBSITE, complete_step, walk
from dev.local_postgres import LocalPostgres
from lib import bootstrap

USER = "user_2outage"


@pytest.fixture
def fragile_postgres(http: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalPostgres]:
    """The functions' database, on a server of its own."""
    with throwaway_postgres() as server:
        url = server.create_database("onboarding")
        alembic(url, "upgrade", "head")
        monkeypatch.setenv("DATABASE_URL", url)
        bootstrap.reset()
        yield server
        bootstrap.reset()


def test_503_while_the_database_is_away_and_success_once_it_is_back(
    http: Client, fragile_postgres: LocalPostgres
) -> None:
    """With Retry-After; the first request afterwards succeeds, and what was acknowledged before is there."""
    walk(http, USER, 1, 2)
    fragile_postgres.stop()
    refused = complete_step(http, USER, 3)
    assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (503, True)
    health = http.get("/api/health")
    assert (health.status, health.json()["status"], health.json()["database"]) == (503, "unavailable", "unavailable")
    fragile_postgres.start()
    assert complete_step(http, USER, 3).status == 200
    assert http.get("/api/onboarding/step/2", user=USER).json()["data"] == WEBSITE
    assert http.get("/api/health").status == 200
