"""The database of development, and `make migrate`: migrates the database that was chosen."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

if __name__ == "__main__":  # the imports below take seconds: until main, Ctrl-C ends us without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from psycopg.conninfo import conninfo_to_dict

from dev.choices import ENV_FILE, ChoiceError, Choices
from dev.harness.vercel.processes import running
from dev.local_postgres import LocalPostgres, LocalPostgresError, shared
from dev.settings import DATABASE_SETTINGS, DEV_FOLDER, ROOT, without_settings
from dev.stopping import INTERRUPTED, interrupt_on_stop_signals
from lib.config import Settings
from lib.db.operators import UnusableURL, postgres_url
from lib.db.url import is_local
from lib.errors import Unavailable

DATABASE = "onboarding"


@dataclass(frozen=True)
class OwnDatabase:
    """A developer's database: the settings that name it, where it is for a person, and whether that is this machine."""

    variables: Mapping[str, str]
    place: str
    is_local: bool

    @classmethod
    def chosen(cls, choices: Choices) -> Self | None:
        """The database that `.env.local` names, if any. Raises ChoiceError."""
        variables = choices.only(DATABASE_SETTINGS)
        if not variables:
            return None
        settings = Settings(variables)
        try:
            pooled, direct = (_address(url) for url in (settings.database_url, settings.direct_database_url))
        except (Unavailable, UnusableURL) as error:
            reason = error.reason if isinstance(error, Unavailable) else str(error)
            raise ChoiceError(f"The database of {ENV_FILE} cannot be used: {reason}") from error
        hosts = [*pooled.hosts, *direct.hosts]
        return cls(variables, f"{pooled.database} on {', '.join(pooled.hosts)}", all(map(is_local, hosts)))


@dataclass(frozen=True)
class _Address:
    hosts: tuple[str, ...]
    database: str


@contextmanager
def development_database(folder: Path = DEV_FOLDER) -> Iterator[str]:
    """Run the development server's Postgres while in use, shared with other commands, and give the database's URL."""
    with shared(LocalPostgres(folder / "postgres"), database=DATABASE) as server:
        yield server.url(DATABASE)


@contextmanager
def migrated_development_database(folder: Path = DEV_FOLDER) -> Iterator[str]:
    """Give the URL of the development database, migrated. Raises SystemExit when a migration fails."""
    with development_database(folder) as url:
        migrate_or_exit({"DATABASE_URL": url})
        yield url


def migrate_or_exit(variables: Mapping[str, str]) -> None:
    """Migrate the database that these settings name. Raises SystemExit when that fails."""
    if code := migrate({**without_settings(os.environ), **variables}):
        raise SystemExit(code)


def migrate(environ: Mapping[str, str]) -> int:
    """Migrate the database of that environment, and return the exit code."""
    with running([sys.executable, "-m", "migrations"], cwd=ROOT, environ=environ) as child:
        return child.wait()


def main() -> int:
    """Migrate, and return the exit code."""
    try:
        interrupt_on_stop_signals()
        if any(os.environ.get(name) for name in DATABASE_SETTINGS):
            return _migrate_and_tell(os.environ)
        choices = Choices.read()
        if own := OwnDatabase.chosen(choices):
            print(f"Migrating {own.place}, the database of {ENV_FILE.name}.", flush=True)
            return _migrate_and_tell({**without_settings(os.environ), **choices.settings})
        with migrated_development_database():
            print(f"The development database in {DEV_FOLDER / 'postgres'} is up to date.")
    except (LocalPostgresError, ChoiceError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _migrate_and_tell(environ: Mapping[str, str]) -> int:
    code = migrate(environ)
    if code == 0:
        print("The database is up to date.")
    return code


def _address(url: str) -> _Address:
    parameters = {name: str(value) for name, value in conninfo_to_dict(postgres_url(url).conninfo).items()}
    # A service is a name for a host in a file that libpq reads.
    named = [parameters.get(name) for name in ("service", "hostaddr", "host")]
    hosts = next(filter(None, [*named, os.environ.get("PGHOST")]), "localhost")
    return _Address(tuple(hosts.split(",")), parameters.get("dbname") or parameters.get("user") or "the default")


if __name__ == "__main__":
    sys.exit(main())
