"""The development database, and `make migrate`: migrates the database that the environment names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dev.local_postgres import LocalPostgres, LocalPostgresError, shared
from dev.settings import DATABASE_SETTINGS, DEV_FOLDER, ROOT, without_settings

DATABASE = "onboarding"


@contextmanager
def development_database() -> Iterator[str]:
    """Run the development server's Postgres while in use, shared with other commands, and give the database's URL."""
    with shared(LocalPostgres(DEV_FOLDER / "postgres")) as server:
        if not server.has_database(DATABASE):
            server.create_database(DATABASE)
        yield server.url(DATABASE)


@contextmanager
def migrated_development_database() -> Iterator[str]:
    """Give the URL of the development database, migrated. Raises SystemExit when a migration fails."""
    with development_database() as url:
        if code := migrate({**without_settings(os.environ), "DATABASE_URL": url}):
            raise SystemExit(code)
        yield url


def migrate(environ: Mapping[str, str]) -> int:
    """Migrate the database of that environment, and return the exit code."""
    command = [sys.executable, "-m", "migrations"]
    return subprocess.run(command, cwd=ROOT, env=dict(environ), check=False).returncode


def main() -> int:
    """Migrate, and return the exit code."""
    if any(os.environ.get(name) for name in DATABASE_SETTINGS):
        return migrate(os.environ)
    try:
        with migrated_development_database():
            print(f"The development database in {DEV_FOLDER / 'postgres'} is up to date.")
    except LocalPostgresError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
