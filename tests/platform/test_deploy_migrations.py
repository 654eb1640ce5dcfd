"""Migrations at deploy: where they run, on which connection, and what a failure does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from dev.harness.vercel.build import BuiltProject, vercel_build
from dev.harness.vercel.project import copy_project
from dev.harness.vercel.toolchain import Toolchain
from dev.settings import ROOT
from lib.db.schema import EXPECTED_REVISION
from scripts.migrate_on_deploy import passwords, reason_to_skip, redacted

UNREACHABLE = "postgresql://deployer:s3cret%40word@127.0.0.1:1/nowhere"


def test_a_preview_with_a_database_of_its_own_is_migrated(built: BuiltProject, deployed_database_url: str) -> None:
    """The build itself brings the schema to the code's revision, on the direct connection."""
    assert "Migrations: the database is up to date." in built.log
    assert _revision(deployed_database_url) == EXPECTED_REVISION


def test_a_failed_migration_fails_the_build(toolchain: Toolchain, tmp_path: Path) -> None:
    """The old deployment keeps serving: the CLI exits with an error, builds no function and shows no password."""
    project = copy_project(tmp_path / "project")
    production = {"VERCEL_ENV": "production", "DATABASE_URL_UNPOOLED": UNREACHABLE}
    done = vercel_build(toolchain, project, production, check=False)
    assert done.returncode != 0
    told = [line for line in done.stdout.splitlines() if "Migrations: failed" in line]
    assert len(told) == 1
    assert "cannot be reached" in told[0]
    assert "Traceback" not in done.stdout
    assert "s3cret" not in done.stdout
    assert not list((project / ".vercel" / "output").rglob("*.func"))


def test_a_build_without_a_database_migrates_nothing_and_says_so(toolchain: Toolchain) -> None:
    """The build command of vercel.json leaves a local build and a preview alone, even where a URL is at hand."""
    command, *pages = json.loads((ROOT / "vercel.json").read_text())["buildCommand"].split(" && ")
    assert [part.split()[0] for part in pages] == ["npm", "npm"]  # `built` runs them, in a copy of the repository
    for place in ({}, {"VERCEL_ENV": "development"}, {"VERCEL_ENV": "preview"}):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=ROOT,
            env=toolchain.environment(DATABASE_URL=UNREACHABLE, **place),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Migrations: skipped, ")


@pytest.mark.parametrize(
    ("environ", "migrates"),
    [
        ({"VERCEL": "1", "VERCEL_ENV": "production"}, True),
        ({"VERCEL": "1", "VERCEL_ENV": "preview", "PREVIEW_DATABASE": "isolated"}, True),
        ({"VERCEL": "1", "VERCEL_ENV": "preview"}, False),
        ({"VERCEL": "1", "VERCEL_ENV": "preview", "PREVIEW_DATABASE": "shared"}, False),
        ({"VERCEL": "1", "PREVIEW_DATABASE": "isolated"}, False),
        ({"VERCEL_ENV": "development", "PREVIEW_DATABASE": "isolated"}, False),
        ({}, False),
    ],
)
def test_only_production_and_isolated_previews_migrate(environ: dict[str, str], migrates: bool) -> None:
    """A preview never migrates a database that it may share with production."""
    assert (reason_to_skip(environ) is None) is migrates


def test_passwords_of_every_url_are_blanked_out() -> None:
    """Whatever a driver prints, encoded or not, a password of the environment does not get into the build log."""
    secrets = passwords(["postgres://a:p%40ss@host/db", "no url", "https://user:other@host", "http://[bad"])
    assert redacted("p%40ss p@ss other", secrets) == "… … …"


def test_an_unexpected_failure_shows_where_and_ends_in_one_line(tmp_path: Path) -> None:
    """A revision that fails shows its traceback to the person deploying, then the reason in one line."""
    fake = tmp_path / "uv"
    fake.write_text(
        "#!/bin/sh\nprintf 'Traceback (most recent call last):\\n  File x\\n"
        "sqlalchemy.exc.ProgrammingError: (psycopg.errors.DuplicateTable) relation exists\\n[SQL: …]\\n'; exit 1\n"
    )
    fake.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "VERCEL_ENV": "production", "DATABASE_URL": UNREACHABLE}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "migrate_on_deploy.py"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("(psycopg.errors.DuplicateTable) relation exists")


def _revision(url: str) -> str:
    with psycopg.connect(url) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(revision[0])
