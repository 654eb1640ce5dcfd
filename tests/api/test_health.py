"""What health sees: a database that answers and yet cannot serve, and variables that nobody can use."""

from __future__ import annotations

import logging
from typing import LiteralString

import pytest
from psycopg import sql

from dev.harness.client import Client
from dev.settings import new_webhook_secret
from lib import bootstrap
from lib.configuration import VARIABLES
from tests.support.inspection import Superuser

PATH = "/api/health"


def test_health_says_what_each_variable_is(http: Client, environment: dict[str, str]) -> None:
    """One of the four states for every variable, and no value of any."""
    found = http.get(PATH)
    assert found.status == 200, found.text
    assert list(found.json()["config"]) == list(VARIABLES)
    assert {name for name, state in found.json()["config"].items() if state == "ok"} == set(environment)
    assert not [value for value in environment.values() if value in found.text]


@pytest.mark.parametrize(
    ("variable", "value", "state"),
    [
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "malformed"),
        ("DATABASE_URL", "postgres://u:hunter2@[h/d", "ok"),
        ("CLERK_JWT_KEY", None, "missing"),
        ("CLERK_JWT_KEY", "hunter2", "malformed"),
        ("CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "malformed"),
        ("CLERK_AUTHORIZED_PARTIES", "app.example.com", "malformed"),
        ("CLERK_AUTHORIZED_PARTIES", " , ", "malformed"),
        ("CLERK_AUDIENCE", ",", "malformed"),
        ("ALLOWED_ORIGINS", "app.example.com", "malformed"),
        ("API_KEY_ENCRYPTION_KEYS", None, "missing"),
        ("API_KEY_ENCRYPTION_KEYS", "hunter2", "malformed"),
        ("ONBOARDING_FLOW", "seven", "malformed"),
    ],
)
def test_a_deployment_that_lets_nobody_in_is_unhealthy(
    http: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    value: str | None,
    state: str,
) -> None:
    """503 although the database answers; the log names the variable, and nobody shows its value."""
    monkeypatch.delenv(variable, raising=False)
    if value is not None:
        monkeypatch.setenv(variable, value)
    bootstrap.reset()
    found = http.get(PATH)
    assert (found.status, found.json()["config"][variable], found.headers["Retry-After"]) == (503, state, "5")
    assert variable in caplog.text
    assert "hunter2" not in found.text + caplog.text


def test_what_the_wizard_can_do_without_is_named_and_no_more(http: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows "Connection Error" for anything but a 200, and a webhook's secret is none of its business."""
    monkeypatch.setenv("CLERK_WEBHOOK_SIGNING_SECRET", new_webhook_secret()[1:])
    bootstrap.reset()
    found = http.get(PATH)
    assert (found.status, found.json()["config"]["CLERK_WEBHOOK_SIGNING_SECRET"]) == (200, "malformed")


BROKEN: dict[str, tuple[LiteralString, str]] = {
    "a table is gone": ("DROP TABLE platform_integrations", "platform_integrations."),
    "a column is gone": ("ALTER TABLE persona_data DROP COLUMN generated_by", "persona_data.generated_by"),
    "a right is gone": ("REVOKE SELECT ON api_keys FROM onboarding_app", "api_keys."),
    "it was never migrated": ("DROP TABLE alembic_version", "schema outdated"),
}


@pytest.mark.parametrize(("statement", "logged"), BROKEN.values(), ids=BROKEN)
def test_a_schema_that_lacks_something_is_unhealthy(
    http: Client, database: Superuser, caplog: pytest.LogCaptureFixture, statement: LiteralString, logged: str
) -> None:
    """Though its revision is the right one: a restore or a person may have left something out."""
    assert http.get(PATH).status == 200
    database.execute(statement)
    with caplog.at_level(logging.ERROR):
        assert (http.get(PATH).status, http.get(PATH).json()["status"]) == (503, "unavailable")
    assert logged in caplog.text


def test_a_login_that_cannot_become_the_role_is_unhealthy(
    http: Client, database: Superuser, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the revision and could not answer a single request."""
    database.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    try:
        database.execute("GRANT SELECT ON alembic_version TO stranger")
        monkeypatch.setenv("DATABASE_URL", f"postgresql://stranger:x@{database_url.rpartition('@')[2]}")
        bootstrap.reset()
        assert http.get(PATH).status == 503
    finally:
        bootstrap.reset()
        database.execute("DROP OWNED BY stranger; DROP ROLE stranger")


def test_a_read_only_database_is_unhealthy(http: Client, database: Superuser, database_url: str) -> None:
    """Such as a standby after a failover: it answers, and every write would be refused."""
    name = sql.Identifier(database_url.rpartition("/")[2])
    database.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    bootstrap.reset()
    found = http.get(PATH)
    assert (found.status, found.json()["status"], found.json()["database"]) == (503, "unavailable", "read_only")
