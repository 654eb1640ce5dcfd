"""`python -m migrations` on a Postgres that holds the old software's own tables."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from dev.harness.postgres import alembic
from dev.local_postgres import LocalPostgres, binaries
from dev.settings import ROOT, new_encryption_key
from migrations.legacy.identity import user_hash
from migrations.legacy.records import ANALYSIS, API_KEY, PERSONA, PREFERENCES, SESSION, STEP
from scripts.import_legacy import main
from tests.legacy.old_schema import tables
from tests.legacy.target_state import all_users, states

pytestmark = pytest.mark.slow

# ruff: noqa: S608 - what is put into the statements is this module's own
A = "user_2KF"
ROWS = f"""
INSERT INTO onboarding_sessions (user_id, current_step, progress, started_at, updated_at) VALUES
    ('{A}', 2, 16.7, '2025-01-01', '2025-01-02'), ('{A}', 4, 50, '2025-02-01', '2025-02-02 10:00:00.5'),
    ('7', 2, 16.7, '2025-02-01', '2025-02-02'), ('{user_hash(A)}', 1, 0, '2024-01-01', '2024-01-01');
INSERT INTO api_keys (session_id, provider, key, updated_at) VALUES
    (1, 'exa', 'plain-older-exa-key', '2025-01-02'), (1, 'metaphor', 'plain-newer-exa-key', '2025-01-03'),
    (2, 'gemini', 'plain-gemini-key', '2025-02-02'), (3, 'gemini', 'plain-nobodys-key', NULL),
    (NULL, 'exa', 'plain-orphans-key', NULL);
INSERT INTO website_analyses (session_id, website_url, writing_style, updated_at) VALUES
    (1, 'https://a.example', '{{"tone": "old"}}', '2025-01-02'),
    (2, 'https://a.example', '{{"tone": "落ち"}}', '2025-02-02'),
    (1, 'https://b.example', 'null', '2025-01-02');
INSERT INTO research_preferences (session_id, research_depth, content_types, auto_research, updated_at) VALUES
    (2, 'expert', '["blog"]', false, '2025-02-02');
INSERT INTO persona_data (session_id, core_persona, updated_at) VALUES (1, '{{"identity": {{}}}}', '2025-01-02');
"""


def upgrade(url: str, key: str = "") -> subprocess.CompletedProcess[str]:
    """Migrate as a deployment does, with the encryption key if one is given."""
    environ = {**os.environ, "DATABASE_URL": url, "API_KEY_ENCRYPTION_KEYS": key}
    command = [sys.executable, "-m", "migrations"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def rows(url: str, query: str) -> Sequence[tuple[Any, ...]]:
    """What a query finds."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def dump(url: str) -> str:
    """The whole database as pg_dump writes it, old tables included; the superuser reads past row-level security."""
    return subprocess.run([binaries() / "pg_dump", url], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def old_database(empty_database_url: str) -> str:
    """The old software's tables with ids as text, filled."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute((tables("VARCHAR(255)") + ROWS).encode())
    return empty_database_url


KEY = new_encryption_key()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """An encryption key, also in this process's environment."""
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", KEY)
    return KEY


@pytest.fixture(scope="module")
def adopted_template(postgres: LocalPostgres) -> str:
    """The name of an old database that was migrated once, to be cloned."""
    name = "adopted"
    url = postgres.create_database(name)
    with psycopg.connect(url) as connection:
        connection.execute((tables("VARCHAR(255)") + ROWS).encode())
    assert "plain-orphans-key" in dump(postgres.url(name, user="postgres"))
    done = upgrade(url, KEY)
    assert done.returncode == 0, done.stderr
    return name


@pytest.fixture
def adopted_database(postgres: LocalPostgres, adopted_template: str, key: str) -> Iterator[str]:
    """An old database that was migrated with `key`, for this test alone."""
    assert key == KEY
    name = f"adopted_{uuid.uuid4().hex}"
    yield postgres.create_database(name, template=adopted_template)
    postgres.drop_database(name)


def test_old_rows_are_adopted_newest_values_first(adopted_database: str) -> None:
    """Sessions of one user, a hashed one included, become one; JSON is JSONB, times are UTC, keys are encrypted."""
    assert all_users(adopted_database) == [A]
    state = states(adopted_database, [A])[A]
    session = state[SESSION, ""]
    assert session.values["current_step"] == 4
    assert session.values["started_at"] == datetime(2024, 1, 1, tzinfo=UTC)
    assert session.time == datetime(2025, 2, 2, 10, 0, 0, 500000, tzinfo=UTC)
    assert state[API_KEY, "exa"].values["key"] == "plain-newer-exa-key"
    assert state[API_KEY, "gemini"].values["key"] == "plain-gemini-key"
    assert state[ANALYSIS, "https://a.example"].values["writing_style"] == {"tone": "落ち"}
    assert (ANALYSIS, "https://b.example") in state
    assert state[PREFERENCES, ""].values["research_depth"] == "Expert"
    assert state[PREFERENCES, ""].values["auto_research"] is False
    assert state[PERSONA, ""].values["core_persona"] == {"identity": {}}
    assert [state[STEP, str(step)].values["status"]["status"] for step in (1, 2, 3)] == ["completed"] * 3


def test_what_is_not_the_newest_or_nobodys_stays_in_legacy(adopted_database: str) -> None:
    """Older sessions, overtaken rows and orphans are kept; what was carried over whole is not kept twice."""
    assert rows(adopted_database, "SELECT id FROM legacy.onboarding_sessions ORDER BY 1") == [(1,), (3,), (4,)]
    assert rows(adopted_database, "SELECT id FROM legacy.api_keys ORDER BY 1") == [(1,), (4,), (5,)]
    assert rows(adopted_database, "SELECT id FROM legacy.website_analyses") == [(1,)]
    assert (
        rows(adopted_database, "SELECT tablename FROM pg_tables WHERE schemaname = 'legacy' AND tablename LIKE '%pre%'")
        == []
    )


def test_no_dump_holds_a_plain_key(adopted_database: str, postgres: LocalPostgres) -> None:
    """Neither the new tables nor what stays in `legacy` shows a key, where the old tables did."""
    name = adopted_database.rpartition("/")[2]
    assert "plain-" not in dump(postgres.url(name, user="postgres"))


def test_what_stayed_is_imported_once_somebody_knows_whose_it_is(adopted_database: str) -> None:
    """import_legacy.py reads the schema `legacy`, its encrypted keys included."""
    assert main(["--to", adopted_database, "--database", adopted_database, "--assign", "7=user_seven"]) == 0
    assert (
        states(adopted_database, ["user_seven"])["user_seven"][API_KEY, "gemini"].values["key"] == "plain-nobodys-key"
    )


def test_missing_encryption_key_stops_the_migration_in_one_line(old_database: str) -> None:
    """Keys are never left plain: without API_KEY_ENCRYPTION_KEYS nothing is changed, and the line names it."""
    before = rows(old_database, "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'legacy')")
    done = upgrade(old_database)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Cannot migrate: API_KEY_ENCRYPTION_KEYS")
    assert "Traceback" not in done.stderr
    after = rows(old_database, "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'legacy')")
    assert sorted(after) == sorted(before)


def test_without_keys_no_encryption_key_is_needed(old_database: str) -> None:
    """A database whose users never stored a key migrates without the variable."""
    with psycopg.connect(old_database) as connection:
        connection.execute("DELETE FROM api_keys")
    done = upgrade(old_database)
    assert done.returncode == 0, done.stderr
    assert all_users(old_database) == [A]


def test_integer_ids_stay_until_their_users_are_known(empty_database_url: str, key: str) -> None:
    """Numbers alone name nobody: the rows wait in `legacy`, and --user-ids and --assign bring them in."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute((tables("INTEGER") + ROWS.replace(f"'{A}'", str(user_hash(A)))).encode())
    assert upgrade(empty_database_url, key).returncode == 0
    assert all_users(empty_database_url) == []
    assert rows(empty_database_url, "SELECT count(*) FROM legacy.onboarding_sessions") == [(4,)]
    command = ["--to", empty_database_url, "--database", empty_database_url, "--assign", f"{user_hash(A)}={A}"]
    assert main(command) == 0
    assert states(empty_database_url, [A])[A][API_KEY, "exa"].values["key"] == "plain-newer-exa-key"


def test_tables_of_other_software_stay_and_keep_what_they_refer_to(old_database: str, key: str) -> None:
    """A foreign table that hangs on an old session keeps its rows: such a session is not deleted."""
    with psycopg.connect(old_database) as connection:
        connection.execute(
            "CREATE TABLE other (session_id INTEGER REFERENCES onboarding_sessions (id) ON DELETE CASCADE);"
            "INSERT INTO other VALUES (2); CREATE TABLE unrelated (user_id INTEGER)"
        )
    assert upgrade(old_database, key).returncode == 0
    assert rows(old_database, "SELECT session_id FROM public.other") == [(2,)]
    assert rows(old_database, "SELECT count(*) FROM public.unrelated") == [(0,)]


def test_second_upgrade_and_a_round_trip(adopted_database: str, key: str) -> None:
    """Upgrading again changes nothing; taken down and up again, the schema is whole."""
    before = states(adopted_database, [A])
    assert upgrade(adopted_database).returncode == 0
    assert states(adopted_database, [A]) == before
    alembic(adopted_database, "downgrade", "base")
    assert upgrade(adopted_database, key).returncode == 0
    assert "No new upgrade operations detected" in alembic(adopted_database, "check").stdout
