"""The previous release keeps serving while a new one migrates, so no revision may take anything from it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from dev.harness.postgres import alembic
from dev.settings import ROOT
from tests.platform.expand_only import Connection, Schema, broken_by
from tests.platform.previous_release import previous_release, run_its_api_tests

FIRST_RELEASE = "2026_11_22_03"
"""The newest revision of the first release. It and those below it had no release before them to break."""

ACCEPTED: dict[str, dict[str, str]] = {}
"""By revision: what it takes away although an earlier release used it, and why no release that still serves does."""


def test_no_revision_since_the_first_release_breaks_the_code_before_it(empty_database_url: str) -> None:
    """Each later revision is run on a real database, and what it did to the schema is judged."""
    alembic(empty_database_url, "upgrade", FIRST_RELEASE)
    broken = {}
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for revision in _later_revisions():
            before = Schema.read(connection)
            alembic(empty_database_url, "upgrade", revision)
            broken[revision] = set(broken_by(before, Schema.read(connection))) - ACCEPTED.get(revision, {}).keys()
    assert {revision: found for revision, found in broken.items() if found} == {}


def test_the_previous_release_passes_its_api_tests_on_this_schema(tmp_path: Path) -> None:
    """From the first release tag on: that release's code and API tests, on this release's migrations."""
    release = previous_release(ROOT)
    if release is not None:
        done = run_its_api_tests(ROOT, release, tmp_path)
        assert done.returncode == 0, f"{release} on the new schema:\n{done.stdout}"


NARROWED = {
    "ALTER TABLE api_keys DROP COLUMN details": "api_keys.details is gone",
    "ALTER TABLE website_analyses RENAME COLUMN website_url TO url": "website_analyses.website_url is gone",
    "DROP TABLE platform_integrations": "platform_integrations.email is gone",
    "ALTER TABLE persona_data ALTER core_persona SET NOT NULL": "persona_data.core_persona may no longer be null",
    "ALTER TABLE onboarding_steps ALTER status TYPE varchar(19)": "onboarding_steps.status was",
    "ALTER TABLE onboarding_sessions ALTER current_step DROP DEFAULT": "onboarding_sessions.current_step has no",
    "ALTER TABLE persona_data ADD origin text NOT NULL": "persona_data.origin is new, required and without a default",
    "ALTER TABLE api_keys ADD CONSTRAINT short CHECK (length(provider) < 9)": "api_keys has a new constraint short",
    "CREATE UNIQUE INDEX one ON website_analyses (user_id)": "website_analyses has a new index one",
    "REVOKE INSERT ON api_keys FROM onboarding_app": "api_keys: onboarding_app INSERT was taken away",
    "CREATE POLICY more ON api_keys AS RESTRICTIVE USING (false)": "api_keys has a new policy more",
}
EXPANDED = (
    "ALTER TABLE api_keys ADD rotated_at timestamptz",
    "ALTER TABLE persona_data ADD origin text NOT NULL DEFAULT 'wizard'",
    "CREATE TABLE notes (id int PRIMARY KEY, note text NOT NULL, CHECK (note <> ''))",
    "CREATE INDEX more ON website_analyses (created_at)",
    "ALTER TABLE website_analyses ALTER website_url DROP NOT NULL",
    "GRANT SELECT ON api_keys TO PUBLIC",
)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection to a migrated database."""
    with psycopg.connect(database_url) as connection:
        yield connection


def test_what_narrows_the_schema_is_found(connection: Connection) -> None:
    """Whatever SQL a revision uses, the old code's loss is seen in the catalogue."""
    for statement, expected in NARROWED.items():
        found = _found(connection, statement)
        assert any(one.startswith(expected) for one in found), f"{statement}: {found}"


def test_what_only_adds_is_allowed(connection: Connection) -> None:
    """New tables, nullable or defaulted columns, indexes and rights disturb nobody."""
    for statement in EXPANDED:
        assert _found(connection, statement) == [], statement


def test_the_previous_release_meets_the_new_migrations(tmp_path: Path) -> None:
    """In a toy repository: the tag's tests run with the tag's code and with the migrations of today."""
    repository = tmp_path / "repository"
    for name, text in {
        "lib/version.py": "RELEASE = 1",
        "migrations/schema": "old",
        "tests/api/test_it.py": (
            "from pathlib import Path\nfrom lib.version import RELEASE\n"
            "def test_it(): assert (RELEASE, Path('migrations/schema').read_text()) == (1, 'new')\n"
        ),
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }.items():
        _write(repository / name, text)
    _git(repository, "init", "--quiet")
    _commit(repository)
    _git(repository, "tag", "v1")
    _write(repository / "lib/version.py", "RELEASE = 2")
    _write(repository / "migrations/schema", "new")
    _commit(repository)
    assert previous_release(repository) == "v1"
    done = run_its_api_tests(repository, "v1", tmp_path / "release")
    assert done.returncode == 0, done.stdout


def _found(connection: Connection, statement: LiteralString) -> list[str]:
    before = Schema.read(connection)
    with connection.transaction(force_rollback=True):
        connection.execute(statement)
        return broken_by(before, Schema.read(connection))


def _later_revisions() -> list[str]:
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    newest_first = ScriptDirectory.from_config(config).iterate_revisions("head", FIRST_RELEASE)
    return [script.revision for script in newest_first][::-1]


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _commit(repository: Path) -> None:
    _git(repository, "add", "--all")
    _git(repository, "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "x")


def _git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True)
