"""The database URLs that an operator gives to a script: judged, opened, and shown without their password."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lib.db.url import libpq_url

Connection = psycopg.Connection[Any]

_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2")
_SQLITE = ("sqlite", "sqlite+pysqlite")


class UnusableURL(ValueError):
    """The text is not the URL of a database that the script can work on; the message is one line, no secret in it."""


@dataclass(frozen=True)
class SqliteURL:
    """A SQLite file that exists."""

    path: Path

    def __str__(self) -> str:
        return f"sqlite:///{self.path}"


@dataclass(frozen=True)
class PostgresURL:
    """A Postgres URL as libpq takes it; `str()` shows it without user name's password or query."""

    conninfo: str

    def __str__(self) -> str:
        parts = urlsplit(self.conninfo)
        host = parts.netloc.rpartition("@")[2]
        user = parts.username
        return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


def parse_url(text: str) -> SqliteURL | PostgresURL:
    """Judge which database `text` names. Raises UnusableURL, saying why without repeating a password."""
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if scheme in _SQLITE:
        return _sqlite(text)
    if scheme in _POSTGRES:
        return _postgres(text)
    raise UnusableURL("not a database URL: expected postgresql://user:password@host/name or sqlite:///path/to/file.db")


def parse_postgres_url(text: str) -> PostgresURL:
    """As parse_url, but Postgres only."""
    url = parse_url(text)
    if isinstance(url, SqliteURL):
        raise UnusableURL("a Postgres URL is needed here, such as postgresql://user:password@host/name")
    return url


def _postgres(text: str) -> PostgresURL:
    try:
        conninfo = libpq_url(text)
        conninfo_to_dict(conninfo)
    except (psycopg.ProgrammingError, ValueError):
        # libpq's own message may quote the URL, password and all.
        raise UnusableURL("the Postgres URL cannot be read: percent-encode special characters") from None
    return PostgresURL(conninfo)


def _sqlite(text: str) -> SqliteURL:
    name = unquote(text.partition(":///")[2].partition("?")[0])
    path = Path(name)
    if not name or name == ":memory:":
        raise UnusableURL("a SQLite URL names a file: sqlite:///relative.db or sqlite:////absolute.db")
    if not path.is_file():
        raise UnusableURL(f"there is no file {path}")
    if not os.access(path, os.R_OK):
        raise UnusableURL(f"the file {path} cannot be read")
    return SqliteURL(path)


def connect(url: PostgresURL, application_name: str) -> Connection:
    """Connect, in transaction mode. Raises UnusableURL when there is no server or no entry."""
    try:
        # A transaction-mode pooler does not keep prepared statements, hence no threshold.
        return psycopg.connect(
            url.conninfo, connect_timeout=10, application_name=application_name, prepare_threshold=None
        )
    except psycopg.OperationalError as error:
        raise UnusableURL(one_line(error)) from None


def one_line(error: BaseException) -> str:
    """Put what an error says on a single line, for a terminal."""
    return " ".join(str(error).split()) or type(error).__name__
