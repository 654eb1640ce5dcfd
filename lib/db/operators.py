"""Postgres as operators' commands open it: with the URL and the login that ran the migrations."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from lib.db.causes import cause, connection_refused
from lib.db.scope import becoming
from lib.db.url import SEARCH_PATH, UnusableURL, libpq_url
from lib.errors import Unavailable

__all__ = [
    "Connection",
    "PostgresURL",
    "UnusableURL",
    "become_user",
    "connect",
    "one_line",
    "postgres_url",
    "reason_of",
    "take_role",
]

Connection = psycopg.Connection[Any]
SCHEMES = ("postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2")


@dataclass(frozen=True)
class PostgresURL:
    """A Postgres URL as libpq takes it; `str()` shows it without password and query."""

    conninfo: str

    def __str__(self) -> str:
        parts = urlsplit(self.conninfo)
        host = parts.netloc.rpartition("@")[2]
        user = parts.username
        return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, "", ""))


def postgres_url(text: str) -> PostgresURL:
    """Read a Postgres URL. Raises UnusableURL."""
    conninfo = libpq_url(text)
    if urlsplit(text.strip()).scheme not in SCHEMES:
        raise UnusableURL("not the URL of a Postgres: expected postgresql://user:password@host/name")
    return PostgresURL(conninfo)


def connect(url: PostgresURL, application_name: str) -> Connection:
    """Connect, in transaction mode. Raises UnusableURL when there is no server or the login is refused."""
    try:
        # A transaction-mode pooler does not keep prepared statements, hence no threshold.
        connection = psycopg.connect(
            url.conninfo, connect_timeout=10, application_name=application_name, prepare_threshold=None
        )
        connection.execute("SET datestyle TO 'ISO'")  # the driver reads no other; a database's default may be one
        connection.commit()
        return connection
    except psycopg.OperationalError as error:
        raise UnusableURL(connection_refused(error)) from None


def take_role(connection: Connection, role: str) -> None:
    """Work as a role for the rest of the transaction. Raises UnusableURL where the login may not."""
    query = "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = %s"
    if connection.execute(query, [role]).fetchone() != (True,):
        raise UnusableURL(f"this login cannot become {role}: use the one that ran the migrations")
    connection.execute("SELECT set_config('role', %s, true), set_config('search_path', %s, true)", [role, SEARCH_PATH])


def become_user(connection: Connection, user_id: str) -> None:
    """Work as the functions do for a user, until the transaction ends. The workers of Citus are told so, too."""
    for command in becoming(user_id):
        connection.execute(command.encode())


def reason_of(error: BaseException) -> str:
    """Why a command cannot go on, on a single line for a terminal and without a secret."""
    failure = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    if isinstance(failure, psycopg.Error):
        return cause(failure)
    return error.reason if isinstance(error, Unavailable) else one_line(error)


def why_it_stopped(error: psycopg.Error) -> str:
    """Why a command stopped on its way, and that it may go on: only what may pass by itself is worth another run."""
    advice = "; run again to go on" if isinstance(error, psycopg.OperationalError) else ""
    return f"stopped: {reason_of(error)}{advice}"


def one_line(error: BaseException) -> str:
    """What an error says, on a single line for a terminal."""
    return " ".join(str(error).split()) or type(error).__name__
