from __future__ import annotations

import psycopg
import pytest

from dev.harness.client import Client
from dev.local_postgres import LocalPostgres


@pytest.mark.parametrize("run", [1, 2])
def test_every_test_has_a_database_of_its_own(database_url: str, run: int) -> None:
    """What one test stores, the next one does not see."""
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE left_behind ()")
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


def test_an_empty_database_has_no_schema(empty_database_url: str) -> None:
    """Tests of migrations begin from nothing."""
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('onboarding_sessions')").fetchone() == (None,)


def test_the_functions_answer_over_a_real_socket(http: Client) -> None:
    """The fixture is the whole way of a request: socket, routing, token, database."""
    assert http.get("/api/onboarding/status", user="user_a").json()["current_step"] == 1
    assert http.get("/api/onboarding/status").status == 401


def test_the_server_may_be_stopped_and_started_again(http: Client, postgres: LocalPostgres) -> None:
    """Tests of a failing database find the same URL alive afterwards."""
    postgres.stop("immediate")
    assert http.get("/api/onboarding/status", user="user_a").status == 503
    postgres.start()
    assert http.get("/api/onboarding/status", user="user_a").status == 200
