"""The operators' commands and the migrations, on a distributed database."""

from __future__ import annotations

import pytest

from dev.harness.client import Client
from dev.harness.postgres import alembic
from dev.harness.wizard import walk
from lib import bootstrap
from scripts import funnel, retention, rotate_api_keys, verify_onboarding_data
from tests.support.inspection import Superuser

pytestmark = pytest.mark.slow
USER = "user_2operated"


@pytest.fixture
def stored(http: Client) -> None:
    """A user who has done five steps."""
    walk(http, USER, 1, 2, 3, 4, 5)


def test_the_funnel_counts_every_worker(stored: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all users, and of those since a day."""
    for arguments in ([], ["--since", "2020-01-01"]):
        assert funnel.main([*arguments, "--csv"]) == 0
        assert ",1,1,0," in capsys.readouterr().out


def test_keys_are_rotated_on_every_worker(
    stored: None, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, http: Client
) -> None:
    """Afterwards the old key can go, and the user's keys are readable."""
    from dev.settings import new_encryption_key

    new = new_encryption_key()
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", f"{new},{environment['API_KEY_ENCRYPTION_KEYS']}")
    bootstrap.reset()
    assert rotate_api_keys.main([]) == 0
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", new)
    bootstrap.reset()
    assert "…" not in str(http.get("/api/onboarding/api-keys/onboarding", user=USER).json()["api_keys"])


def test_a_user_is_described(stored: None, capsys: pytest.CaptureFixture[str]) -> None:
    """With history, and all users' counts."""
    assert verify_onboarding_data.main([USER, "--history"]) == 0
    assert "step.completed" in capsys.readouterr().out
    assert verify_onboarding_data.main([]) == 0
    assert "onboarding_sessions" in capsys.readouterr().out


def test_abandoned_sessions_are_erased(stored: None, database: Superuser, http: Client) -> None:
    """On whichever worker they are, with all that hangs on them, and nobody else's."""
    walk(http, "user_2abandoned", 1)
    for table in ("onboarding_sessions", "onboarding_steps", "api_keys"):
        database.execute(f"UPDATE {table} SET updated_at = '2020-01-01' WHERE user_id = 'user_2abandoned'")  # noqa: S608 - constants
    assert retention.main(["--older-than", "400d", "--erase"]) == 0
    assert database.execute("SELECT user_id FROM onboarding_sessions").fetchall() == [(USER,)]
    assert database.execute("SELECT count(*) FROM api_keys WHERE user_id = 'user_2abandoned'").fetchone() == (0,)


def test_migrations_run_again(database_url: str) -> None:
    """A deployment migrates each time, also where nothing is left to do."""
    alembic(database_url, "upgrade", "head")
