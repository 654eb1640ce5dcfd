"""The previous release keeps serving while a new one migrates, so no revision may take anything from it."""

from __future__ import annotations

import ast
import hashlib
import shutil
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

_OWNER_MIGRATES = "no release reads or writes it as anybody but its owner, or a login that was given SELECT"
_OPERATOR_READS = "every release takes the role onboarding_operator before it reads every user's rows"
_READ_BY_OPERATOR = (
    "api_keys business_info erased_users onboarding_events onboarding_sessions onboarding_steps persona_data"
    " platform_integrations research_preferences webhook_deliveries website_analyses"
)
ACCEPTED: dict[str, dict[str, str]] = {
    "2026_11_25_01": {
        "alembic_version has a new policy alembic_version_of_owner": _OWNER_MIGRATES,
        "alembic_version has a new policy alembic_version_readable": _OWNER_MIGRATES,
    },
    "2026_11_25_06": {
        f"{table} has a new policy {table}_for_operator": _OPERATOR_READS for table in _READ_BY_OPERATOR.split()
    },
}
"""By revision: what it takes away although an earlier release used it, and why no release that still serves does."""


def test_no_unreleased_revision_breaks_the_released_code(empty_database_url: str) -> None:
    """Each revision since the last release is run on a real database, and what it does to the schema is compared."""
    assert broken_revisions(empty_database_url) == {}


def test_a_revision_that_breaks_the_released_code_is_caught(empty_database_url: str, tmp_path: Path) -> None:
    """In a copy of the project with one more revision, which drops a column that the released code reads."""
    for folder in ("migrations", "lib"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = str(_scripts(ROOT).get_current_head())
    breaking = BREAKING_REVISION.format(head=head)
    (tmp_path / "migrations" / "versions" / "9999_01_01_01_breaking.py").write_text(breaking)
    assert broken_revisions(empty_database_url, tmp_path, since=head) == {
        "9999_01_01_01": {"persona_data.core_persona is gone"}
    }


@pytest.mark.slow
def test_an_index_on_an_existing_table_is_built_concurrently(empty_database_url: str, tmp_path: Path) -> None:
    """Plainly, its table's writes wait for as long as that takes, which is caught. Concurrently, it passes.

    Also where it is built again after it was cut off, and with other revisions before and after it in one run.
    """
    for folder in ("migrations", "lib"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    versions = tmp_path / "migrations" / "versions"
    head = _scripts(ROOT).get_current_head()
    (versions / "9999_01_01_01_concurrent.py").write_text(CONCURRENT_REVISION.format(head=head))
    (versions / "9999_01_01_02_plain.py").write_text(PLAIN_REVISION)
    alembic(empty_database_url, "upgrade", str(head), root=tmp_path)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        before = Schema.read(connection)
        connection.execute("CREATE INDEX more ON website_analyses (created_at)")
        alembic(empty_database_url, "upgrade", "head", root=tmp_path)
        found = broken_by(before, Schema.read(connection))
    assert found == ["website_analyses has an index plain that was not built concurrently"]


def test_a_released_revision_stays_as_it_is() -> None:
    """A database has run it: changing it afterwards would make two schemas of one name."""
    files = {file.name[:13]: file for file in (ROOT / "migrations" / "versions").glob("*.py")}
    for revision, digest in released(ROOT).items():
        assert hashlib.sha256(files[revision].read_bytes()).hexdigest() == digest, revision


def test_a_revision_imports_nothing_of_the_project() -> None:
    """The project's code changes, and a revision has to do tomorrow what it does today."""
    for file in (ROOT / "migrations" / "versions").glob("*.py"):
        imports = [
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        modules = {node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
        assert {module.split(".")[0] for module in modules} <= {"alembic", "sqlalchemy"}, file.name


def test_the_previous_release_passes_its_api_tests_on_this_schema(tmp_path: Path) -> None:
    """Where git knows a release tag: that release's code and API tests, on this release's migrations."""
    release = previous_release(ROOT)
    if release is None:
        pytest.skip("git knows no release tag here")
    done = run_its_api_tests(ROOT, release, tmp_path)
    assert done.returncode == 0, f"{release} on the new schema:\n{done.stdout}"


BREAKING_REVISION = """
from alembic import op

revision = "9999_01_01_01"
down_revision = "{head}"


def upgrade() -> None:
    op.drop_column("persona_data", "core_persona")
"""

CONCURRENT_REVISION = """
from alembic import op

revision = "9999_01_01_01"
down_revision = "{head}"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS more")
        op.create_index("more", "website_analyses", ["created_at"], postgresql_concurrently=True)


def downgrade() -> None:
    pass
"""
PLAIN_REVISION = """
from alembic import op

revision = "9999_01_01_02"
down_revision = "9999_01_01_01"


def upgrade() -> None:
    op.create_index("plain", "website_analyses", ["created_at"])


def downgrade() -> None:
    op.drop_index("plain", "website_analyses")
"""

NARROWED = {
    "ALTER TABLE api_keys DROP COLUMN details": "api_keys.details is gone",
    "ALTER TABLE website_analyses RENAME COLUMN website_url TO url": "website_analyses.website_url is gone",
    "DROP TABLE platform_integrations": "platform_integrations.email is gone",
    "ALTER TABLE persona_data ALTER core_persona SET NOT NULL": "persona_data.core_persona may no longer be null",
    "ALTER TABLE onboarding_steps ALTER status TYPE varchar(19)": "onboarding_steps.status was",
    "ALTER TABLE onboarding_steps ALTER status DROP DEFAULT": "onboarding_steps.status has no default any more",
    "ALTER TABLE persona_data ADD origin text NOT NULL": "persona_data.origin is new, required and without a default",
    "ALTER TABLE api_keys ADD CONSTRAINT short CHECK (length(provider) < 9)": "api_keys has a new constraint short",
    "CREATE UNIQUE INDEX one ON website_analyses (user_id)": "website_analyses has a new index one",
    "CREATE INDEX more ON website_analyses (created_at)": "website_analyses has an index more that was not built",
    "REVOKE INSERT ON api_keys FROM onboarding_app": "api_keys: onboarding_app INSERT was taken away",
    "CREATE POLICY more ON api_keys AS RESTRICTIVE USING (false)": "api_keys has a new policy more",
}
EXPANDED = (
    "ALTER TABLE api_keys ADD rotated_at timestamptz",
    "ALTER TABLE persona_data ADD origin text NOT NULL DEFAULT 'wizard'",
    "CREATE TABLE notes (id int PRIMARY KEY, note text NOT NULL, CHECK (note <> ''))",
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


def broken_revisions(database_url: str, root: Path = ROOT, *, since: str | None = None) -> dict[str, set[str]]:
    """Migrate an empty database revision by revision, and give what each one behind `since` breaks.

    By default these are the unreleased ones.
    """
    first = since or max(released(root))
    alembic(database_url, "upgrade", first, root=root)
    broken = {}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for script in reversed([*_scripts(root).iterate_revisions("head", first)]):
            before = Schema.read(connection)
            alembic(database_url, "upgrade", script.revision, root=root)
            found = set(broken_by(before, Schema.read(connection)))
            broken[script.revision] = found - ACCEPTED.get(script.revision, {}).keys()
    return {revision: found for revision, found in broken.items() if found}


def released(root: Path) -> dict[str, str]:
    """The released revisions with the SHA-256 of their files, from a file: a shallow clone has no release tags."""
    lines = (root / "migrations" / "released.txt").read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def _scripts(root: Path) -> ScriptDirectory:
    config = Config(str(root / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(root / "migrations"))
    return ScriptDirectory.from_config(config)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _commit(repository: Path) -> None:
    _git(repository, "add", "--all")
    _git(repository, "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "x")


def _git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True)
