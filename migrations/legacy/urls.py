"""The old and the new database as an operator names them: a SQLite file or a Postgres server."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lib.db.operators import SCHEMES, PostgresURL, UnusableURL, postgres_url

_SQLITE = ("sqlite", "sqlite+pysqlite")


@dataclass(frozen=True)
class SqliteURL:
    """A SQLite file that exists."""

    path: Path

    def __str__(self) -> str:
        return f"sqlite:///{self.path}"


def parse_url(text: str) -> SqliteURL | PostgresURL:
    """Read which database `text` names, by its URL or, for SQLite, by its path.

    Raises UnusableURL, saying why without repeating a password.
    """
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if scheme in _SQLITE:
        return _sqlite(text)
    if scheme in SCHEMES:
        return postgres_url(text)
    if "://" not in text and Path(text).exists():
        return _sqlite_file(Path(text))
    raise UnusableURL(
        "neither a file nor a database URL, such as postgresql://user:password@host/name or sqlite:///file"
    )


def parse_postgres_url(text: str) -> PostgresURL:
    """As parse_url, but Postgres only."""
    url = parse_url(text)
    if isinstance(url, SqliteURL):
        raise UnusableURL("a Postgres URL is needed here, such as postgresql://user:password@host/name")
    return url


def _sqlite(text: str) -> SqliteURL:
    name = unquote(text.partition(":///")[2].partition("?")[0])
    path = Path(name)
    if not name or name == ":memory:":
        raise UnusableURL("a SQLite URL names a file: sqlite:///relative.db or sqlite:////absolute.db")
    return _sqlite_file(path)


def _sqlite_file(path: Path) -> SqliteURL:
    if not path.is_file():
        raise UnusableURL(f"there is no file {path}")
    if not os.access(path, os.R_OK):
        raise UnusableURL(f"the file {path} cannot be read: Permission denied")
    return SqliteURL(path)
