"""Write the revision for a change of lib/db/tables.py: `.venv/bin/python -m dev.revision "brand keywords"`.

It compares the tables with a database at the newest revision: the one that the environment names, or else the
development database. What it writes is a draft to read: a file in migrations/versions/, and its id in lib/db/schema.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from dev.database import migrate, migrated_development_database
from dev.local_postgres import LocalPostgresError
from dev.settings import DATABASE_SETTINGS, ROOT, without_settings

SCHEMA = ROOT / "lib" / "db" / "schema.py"
_EXPECTED = re.compile(r'^EXPECTED_REVISION = "\w+"$', re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Write the revision, and return the exit code."""
    if len(arguments) != 1:
        print(f"usage: {sys.executable} -m dev.revision MESSAGE", file=sys.stderr)
        return 2
    try:
        with _migrated_database() as environ:
            return write_revision(arguments[0], environ)
    except LocalPostgresError as error:
        print(error, file=sys.stderr)
        return 1


def write_revision(message: str, environ: dict[str, str]) -> int:
    """Write the revision's file and its id, and return an exit code: 1 where no table has changed."""
    if _alembic("check", environ=environ) == 0:
        print("lib/db/tables.py declares what the newest revision makes: there is nothing to write.", file=sys.stderr)
        return 1
    head = str(_scripts().get_current_head())
    revision = next_revision(head, datetime.now(UTC).date())
    if code := _alembic("revision", "--autogenerate", "--rev-id", revision, "--message", message, environ=environ):
        return code
    file = Path(_scripts().get_revision(revision).path)
    for command in (["check", "--quiet", "--fix", "--exit-zero"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, str(file)], cwd=ROOT, check=True)
    SCHEMA.write_text(_EXPECTED.sub(f'EXPECTED_REVISION = "{revision}"', SCHEMA.read_text()))
    print(f"Wrote {file.relative_to(ROOT)}: read it before you commit it.")
    return 0


def next_revision(head: str, today: date) -> str:
    """The id after `head`: the day and a number, so that a later id compares greater."""
    day, number = head[:10], int(head[11:13])
    return f"{today:%Y_%m_%d}_01" if f"{today:%Y_%m_%d}" > day else f"{day}_{number + 1:02d}"


@contextmanager
def _migrated_database() -> Iterator[dict[str, str]]:
    """The environment of a database at the newest revision. Raises SystemExit when it cannot be migrated."""
    if any(os.environ.get(name) for name in DATABASE_SETTINGS):
        if code := migrate(os.environ):
            raise SystemExit(code)
        yield dict(os.environ)
        return
    with migrated_development_database() as url:
        yield {**without_settings(os.environ), "DATABASE_URL": url}


def _alembic(*arguments: str, environ: dict[str, str]) -> int:
    command = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    if done.returncode and arguments[0] != "check":
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode


def _scripts() -> ScriptDirectory:
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return ScriptDirectory.from_config(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
