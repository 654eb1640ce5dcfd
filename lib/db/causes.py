"""What went wrong with a database, in one sentence for whoever runs a command: the cause, and the fix if there is one.

Postgres' own words are repeated only where they cannot hold a value or a password. libpq reports a refused connection
as text alone, without an SQLSTATE (https://www.postgresql.org/docs/current/libpq-connect.html).
"""

import re

import psycopg
from psycopg import errors as pg

_SERVER = r'server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: .*'

_REFUSED_CONNECTIONS = (
    (
        r'password authentication failed for user "(?P<user>[^"]*)"',
        'the password of user "{user}" is wrong, or there is no such user: correct the URL',
    ),
    (
        r"no password supplied",
        "the server asks for a password, and the URL has none: postgresql://user:password@host/…",
    ),
    (
        r'database "(?P<name>[^"]*)" does not exist',
        'there is no database "{name}" on that server: create it, or correct the name at the end of the URL',
    ),
    (r'role "(?P<user>[^"]*)" does not exist', 'there is no user "{user}" on that server: correct the URL'),
    (r"resolve host '(?P<host>[^']*)'", 'there is no host "{host}": correct the URL'),
    (r'translate host name "(?P<host>[^"]*)"', 'there is no host "{host}": correct the URL'),
    (r"invalid port number", "the URL's port is not a port number: correct the URL"),
    (r"does not support SSL", "that server speaks no TLS, and the URL or libpq's settings ask for it (sslmode)"),
    (r"certificate verify failed|root certificate", "the server's certificate cannot be verified: check sslrootcert"),
    (r"no pg_hba.conf entry", "the server does not let this user in from here: check its list of allowed addresses"),
    (
        r"too many (?:clients|connections)|remaining connection slots",
        "the server has no connection left: close others, or raise its max_connections",
    ),
    (r"is starting up|is shutting down|in recovery mode", "the server is starting or stopping: try again in a moment"),
    (_SERVER + "Connection refused", "nothing listens on {host}:{port}: start Postgres, or correct the URL"),
    (
        r'socket "(?P<path>[^"]*)" failed: (?:No such file|Connection refused)',
        "nothing listens on {path}: start Postgres, or correct the URL",
    ),
    (r"[Tt]ime(?:d )?out", "the server does not answer in time: check host, port and firewall"),
    (r"[Uu]nreachable", "there is no way from here to that host: check host, network and firewall"),
)

_FAILED_STATEMENTS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (pg.LockNotAvailable, "the database is busy, a lock was not free in time: try again in a moment"),
    (pg.DeadlockDetected, "the database is busy, two commands were in each other's way: try again in a moment"),
    (pg.QueryCanceled, "the database is too slow, a statement ran out of time"),
    (pg.ReadOnlySqlTransaction, "the database only reads: use the URL of the primary server"),
    (pg.DiskFull, "the database's disk is full"),
    (pg.InsufficientPrivilege, "this login lacks a privilege there: use the one that owns the database"),
    (pg.UndefinedTable, "its tables are not those of this release: run `python -m migrations` first"),
    (pg.UndefinedColumn, "its tables are not those of this release: run `python -m migrations` first"),
)


def connection_refused(error: psycopg.Error) -> str:
    """Why there is no connection. What is not known here is said in libpq's own words, on one line."""
    words = " ".join(str(error).split())
    for pattern, sentence in _REFUSED_CONNECTIONS:
        if match := re.search(pattern, words):
            return f"the database cannot be reached: {sentence.format(**match.groupdict())}"
    return f"the database cannot be reached: {words}"


def cause(error: psycopg.Error) -> str:
    """Why a connection or a statement failed. An error that is not known here is named by its class alone."""
    if not isinstance(error, psycopg.OperationalError) or error.sqlstate:
        for kind, sentence in _FAILED_STATEMENTS:
            if isinstance(error, kind):
                return sentence
    if was_lost(error):
        return "the connection to the database was lost: is Postgres still running?"
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return connection_refused(error)
    return f"the database answered {type(error).__name__}"


def is_known(error: psycopg.Error) -> bool:
    """Whether `cause` says more than the error's class: an unknown one is a mistake in this project."""
    return not cause(error).startswith("the database answered")


def was_lost(error: psycopg.Error) -> bool:
    """Whether the server went away under an open connection."""
    if isinstance(error, pg.AdminShutdown | pg.CrashShutdown | pg.ConnectionFailure | pg.ConnectionDoesNotExist):
        return True
    lost = ("server closed the connection", "connection is lost", "the connection is closed", "Connection reset")
    return isinstance(error, psycopg.OperationalError) and any(words in str(error) for words in lost)
