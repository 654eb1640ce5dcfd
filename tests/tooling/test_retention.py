"""Erasing abandoned sessions: only those, only when told to, and never those of a user who has come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dev.harness.client import Client
from lib.db.tables import metadata
from scripts import retention
from scripts.retention import main
from tests.support.inspection import Superuser

KEY = {"provider": "gemini", "api_key": "AIzaSyA-sample-key-for-development"}


def begin(http: Client, database: Superuser, user: str, days: int, *, completed: bool = False) -> None:
    """A user who stored a key and touched nothing for so many days."""
    assert http.post("/api/onboarding/api-keys", json=KEY, user=user).status == 200
    time = datetime.now(UTC) - timedelta(days=days)
    for table in ("onboarding_sessions", "onboarding_steps", "api_keys"):
        database.execute(f"UPDATE {table} SET updated_at = %s WHERE user_id = %s", [time, user])  # noqa: S608
    if completed:
        database.execute("UPDATE onboarding_sessions SET completed_at = %s WHERE user_id = %s", [time, user])


def users(database: Superuser) -> list[str]:
    """Who has a session."""
    return [str(user) for (user,) in database.execute("SELECT user_id FROM onboarding_sessions ORDER BY 1").fetchall()]


@pytest.fixture
def four(http: Client, database: Superuser) -> list[str]:
    """One abandoned, one completed, one recent, and one whose key alone is recent."""
    begin(http, database, "user_abandoned", 500)
    begin(http, database, "user_completed", 500, completed=True)
    begin(http, database, "user_recent", 300)
    begin(http, database, "user_with_recent_key", 500)
    database.execute("UPDATE api_keys SET updated_at = now() WHERE user_id = 'user_with_recent_key'")
    return ["user_abandoned", "user_completed", "user_recent", "user_with_recent_key"]


def test_nothing_is_erased_unless_told_to(
    four: list[str], database: Superuser, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default counts and names what would go, with --dry-run or without."""
    for arguments in ([], ["--dry-run"]):
        assert main(["--older-than", "400d", *arguments]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith("1 sessions were never completed and not touched since ")
        assert "  user_abandoned, last touched " in shown
        assert "user_completed" not in shown
    assert users(database) == four


def test_abandoned_sessions_go_with_all_that_hangs_on_them(four: list[str], database: Superuser) -> None:
    """Completed and recent ones stay whole; the account itself is not closed."""
    assert main(["--older-than", "400d", "--erase"]) == 0
    assert users(database) == four[1:]
    for table in (table for table in metadata.tables.values() if "user_id" in table.c):
        left = database.execute(f"SELECT count(*) FROM {table.name} WHERE user_id = 'user_abandoned'").fetchone()  # noqa: S608
        assert left == (0,), table.name
    assert database.execute("SELECT count(*) FROM erased_users").fetchone() == (0,)


def test_a_user_who_comes_back_meanwhile_keeps_everything(
    http: Client, database: Superuser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The condition is examined again behind the lock that the user's own requests take."""
    for number in range(5):
        begin(http, database, f"user_{number}", 500)
    erase = retention._erase

    def erase_after_a_request(connection: psycopg.Connection[object], found: list[str], before: datetime) -> int:
        if "user_3" in found:
            assert http.post("/api/onboarding/api-keys", json=KEY, user="user_3").status == 200
        return erase(connection, found, before)

    monkeypatch.setattr(retention, "_erase", erase_after_a_request)
    monkeypatch.setattr(retention, "BATCH_USERS", 2)
    assert main(["--older-than", "400d", "--erase"]) == 0
    assert users(database) == ["user_3"]
    shown = capsys.readouterr().out
    assert "2 of 5 erased …\n3 of 5 erased …\n4 of 5 erased …\n4 sessions erased" in shown


@pytest.mark.parametrize("text", ["400", "29d", "d", "-40d", "1y"])
def test_a_period_that_makes_no_sense_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error must not erase yesterday's sessions."""
    with pytest.raises(SystemExit) as caught:
        main([f"--older-than={text}"])
    assert caught.value.code == 2
    assert "is not a number of days from 30d on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "advises"),
    [(psycopg.errors.AdminShutdown, True), (psycopg.errors.InsufficientPrivilege, False)],
)
def test_running_again_is_advised_only_where_it_may_help(
    four: list[str],
    error: type[psycopg.Error],
    advises: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server that went away may come back; a right that is missing stays missing."""

    def stop(*_arguments: object) -> int:
        raise error("as it happens")

    monkeypatch.setattr(retention, "_erase", stop)
    assert main(["--older-than", "400d", "--erase"]) == 1
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith("stopped: ")
    assert shown.endswith("; run again to go on") == advises
