"""`make psql`: the database of development in psql, as the role that reads every user's rows and changes none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dev.choices import ENV_FILE, ChoiceError, Choices
from dev.database import OwnDatabase, migrated_development_database
from dev.local_postgres import LocalPostgresError, binaries
from dev.settings import DEV_FOLDER
from lib.config import Settings
from lib.db.operators import UnusableURL, connect, postgres_url, take_role

ROLE = "onboarding_operator"
INSTALL = "There is no psql on this machine: install a Postgres client, such as the package postgresql-client"


class PsqlError(Exception):
    """There is no psql. The message is one line that says what to do."""


def main() -> int:
    """Run psql with the arguments of this command, and return its exit code."""
    try:
        program = psql()
        with _database() as (url, place):
            print(f"{place}, as {ROLE}: every user's rows, read only. \\q leaves.", file=sys.stderr, flush=True)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's
            return subprocess.run([program, url, *sys.argv[1:]], env=_environ(), check=False).returncode
    except (PsqlError, LocalPostgresError, ChoiceError, UnusableURL) as error:
        print(error, file=sys.stderr)
        return 1


def psql() -> str:
    """The path of psql: the machine's, or that of the embedded Postgres. Raises PsqlError or LocalPostgresError."""
    if found := shutil.which("psql"):
        return found
    embedded = binaries() / "psql"
    if not os.access(embedded, os.X_OK):
        raise PsqlError(INSTALL)
    return str(embedded)


@contextmanager
def _database() -> Iterator[tuple[str, str]]:
    """The URL of the database of `make dev`, and what it is. Raises ChoiceError, LocalPostgresError or UnusableURL."""
    choices = Choices.read()
    if own := OwnDatabase.chosen(choices):
        direct = postgres_url(Settings(own.variables).direct_database_url)
        with connect(direct, "psql") as connection:
            take_role(connection, ROLE)
        yield direct.conninfo, f"{own.place}, of {ENV_FILE.name}"
        return
    with migrated_development_database() as url:
        yield url, f"The development database in {DEV_FOLDER / 'postgres'}"


def _environ() -> dict[str, str]:
    return {**os.environ, "PGOPTIONS": f"-c role={ROLE}", "PGAPPNAME": "psql"}


if __name__ == "__main__":
    sys.exit(main())
