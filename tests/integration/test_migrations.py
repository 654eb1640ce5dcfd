"""The schema as the real migrations make it."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql

from dev.harness.postgres import alembic
from dev.settings import ROOT
from lib.db.schema import EXPECTED_REVISION
from lib.db.tables import metadata

pytestmark = pytest.mark.slow


def _rows(url: str, query: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_up_down_and_up_again(empty_database_url: str) -> None:
    """Every revision can be taken back, leaves no table of ours, and can be made again."""
    alembic(empty_database_url, "upgrade", "head")
    alembic(empty_database_url, "downgrade", "base")
    assert _rows(empty_database_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [
        ("alembic_version",)
    ]
    alembic(empty_database_url, "upgrade", "head")


def test_the_tables_are_what_the_code_declares(database_url: str) -> None:
    """Alembic finds no difference between a migrated database and lib/db/tables.py."""
    assert "No new upgrade operations detected" in alembic(database_url, "check").stdout


def test_the_code_expects_the_newest_revision() -> None:
    """Health compares with it, so it must not be forgotten; ids begin with a date, so a later one compares greater."""
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    script = ScriptDirectory.from_config(config)
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert script.get_current_head() == EXPECTED_REVISION
    assert revisions == sorted(revisions, reverse=True)


def test_two_migrations_at_once_both_succeed(empty_database_url: str) -> None:
    """Two builds of one commit: the second waits for the first and finds nothing left to do."""

    def upgrade(_: int) -> subprocess.CompletedProcess[str]:
        return alembic(empty_database_url, "upgrade", "head", check=False)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(upgrade, range(2)))
    assert [process.returncode for process in done] == [0, 0], [process.stderr for process in done]
    assert _rows(empty_database_url, "SELECT version_num FROM alembic_version") == [(EXPECTED_REVISION,)]


def test_a_database_that_cannot_be_reached_is_one_line(tmp_path: object) -> None:
    """No traceback, no password."""
    done = alembic("postgresql://someone:hunter2@127.0.0.1:1/nothing", "upgrade", "head", check=False)
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "hunter2" not in done.stdout + done.stderr


def test_a_database_of_an_unknown_revision_is_one_line(database_url: str) -> None:
    """Newer than the code, or older than the first release: the line says so and what to do, and nothing is changed."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '2026_11_22_03'")
    done = alembic(database_url, "upgrade", "head", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "2026_11_22_03" in done.stderr
    assert "make reset" in done.stderr.strip().splitlines()[-1]
    assert _rows(database_url, "SELECT version_num FROM alembic_version") == [("2026_11_22_03",)]


def test_row_level_security_is_forced_on_every_table(database_url: str) -> None:
    """None is forgotten, whichever is added."""
    secured = _rows(
        database_url,
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'public' AND relkind = 'r' AND relrowsecurity AND relforcerowsecurity",
    )
    assert {name for (name,) in secured} >= set(metadata.tables)


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_a_table_can_be_partitioned_by_user_without_a_change_of_schema(database_url: str, table: str) -> None:
    """Every primary and unique key holds user_id (or a user's hash in its place)."""
    key = "user_id" if "user_id" in metadata.tables[table].c else "user_hash"
    with psycopg.connect(database_url) as connection:
        connection.execute(
            sql.SQL("CREATE TABLE sharded (LIKE {} INCLUDING ALL) PARTITION BY HASH ({})").format(
                sql.Identifier(table), sql.Identifier(key)
            )
        )
        connection.rollback()


def test_the_database_itself_refuses_a_child_of_another_user_s_session(database_url: str) -> None:
    """The composite foreign key stands even where row-level security does not apply."""
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE onboarding_sessions NO FORCE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE onboarding_steps NO FORCE ROW LEVEL SECURITY")
        row = connection.execute("INSERT INTO onboarding_sessions (user_id) VALUES ('user_a') RETURNING id").fetchone()
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(
                "INSERT INTO onboarding_steps (user_id, session_id, step_key) VALUES ('user_b', %s, 'website')", row
            )
        connection.rollback()
