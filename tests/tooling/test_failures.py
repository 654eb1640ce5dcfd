"""Each command with each thing that can be wrong with a database: one line that names the cause, and no secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from dev.harness.postgres import free_port
from dev.harness.waiting import wait_until
from dev.local_postgres import LocalPostgres
from dev.settings import ROOT, SETTINGS, new_encryption_key, without_settings
from lib import bootstrap
from scripts.import_legacy import main as import_legacy
from scripts.migrate_user_id_to_string import main as migrate_user_id
from scripts.retention import main as retention
from scripts.rotate_api_keys import main as rotate
from scripts.verify_onboarding_data import main as verify

pytestmark = pytest.mark.slow

ALEMBICS_LOCK = 7_205_759_403_792_793  # as in migrations/env.py
PASSWORD = "a-password-nobody-may-see"

type Main = Callable[[list[str]], int]

SCRIPTS: dict[str, tuple[Main, Callable[[str], list[str]]]] = {
    "verify": (verify, lambda _url: []),
    "rotate": (rotate, lambda _url: []),
    "retention": (retention, lambda _url: ["--older-than", "400d"]),
    "import": (import_legacy, lambda url: ["--to", url, "--files", str(ROOT / "tests" / "fixtures" / "legacy")]),
    "migrate_user_id": (migrate_user_id, lambda url: [url]),
}
MIGRATING = {"python -m migrations": "migrations", "make migrate": "dev.database"}
EVERY_COMMAND = (*SCRIPTS, *MIGRATING)


@pytest.fixture(scope="module")
def logins(postgres: LocalPostgres) -> Iterator[LocalPostgres]:
    """The server, with a login that may do nothing but create tables in its own databases."""
    with psycopg.connect(postgres.url(user="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE simple LOGIN PASSWORD '{PASSWORD}'".encode())
        for name, options in (("of_simple", ""), ("ascii", " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")):
            connection.execute(f"CREATE DATABASE {name} OWNER simple{options}".encode())
        yield postgres
        for name in ("of_simple", "ascii"):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        connection.execute("DROP ROLE simple")


def _changed(url: str, **parts: str) -> str:
    """The URL with another scheme, password, host, port or database."""
    found = urlsplit(url)
    password, host, port = (
        parts.get(name, value)
        for name, value in (
            ("password", PASSWORD),
            ("host", found.hostname),
            ("port", str(found.port)),
        )
    )
    netloc = f"{parts.get('user', 'simple')}:{password}@{host}:{port}"
    return urlunsplit((parts.get("scheme", found.scheme), netloc, f"/{parts.get('database', 'of_simple')}", "", ""))


CASES: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "wrong password": ({"password": f"wrong-{PASSWORD}"}, EVERY_COMMAND, r'the password of user "simple" is wrong'),
    "no such database": ({"database": "nowhere"}, EVERY_COMMAND, r'there is no database "nowhere" on that server'),
    "unknown host": ({"host": "no-such-host.invalid"}, EVERY_COMMAND, r'there is no host "no-such-host.invalid"'),
    "dead Postgres": ({"port": "1"}, EVERY_COMMAND, r"nothing listens on 127\.0\.0\.1:1: start Postgres"),
    "wrong scheme": (
        {"scheme": "mysql"},
        EVERY_COMMAND,
        r"not (the URL of a P|a p)ostgres|neither a file",
    ),
    "no CREATEROLE": ({}, tuple(MIGRATING), r'user "simple" may not (create the role|become) onboarding_\w+'),
    "SQL_ASCII": ({"database": "ascii"}, tuple(MIGRATING), r'the encoding of "ascii" is SQL_ASCII, and only UTF8'),
}


@pytest.mark.parametrize(
    ("case", "command"), [(case, command) for case, (_, commands, _) in CASES.items() for command in commands]
)
def test_a_database_that_cannot_be_used_is_one_line(
    case: str,
    command: str,
    logins: LocalPostgres,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No traceback, no password, an exit code other than 0, and the cause in words."""
    changes, _, pattern = CASES[case]
    url = _changed(logins.url(), **changes)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("API_KEY_ENCRYPTION_KEYS", new_encryption_key())
    monkeypatch.setenv("ONBOARDING_DEV_FOLDER", str(place / "dev"))
    monkeypatch.setenv("ONBOARDING_ENV_FILE", str(place / ".env.local"))
    if command in MIGRATING:
        done = _python(["-m", MIGRATING[command]], dict(os.environ))
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        main, arguments = SCRIPTS[command]
        bootstrap.reset()
        code = main(arguments(url))
        bootstrap.reset()
        out, err = capsys.readouterr()
    assert code in {1, 2}, out
    assert re.search(pattern, err), err
    assert err.count("\n") == 1, err
    assert PASSWORD not in out + err


@pytest.mark.parametrize("module", ["dev.token", "dev.server", "dev.demo", "dev.database", "dev.psql"])
def test_a_folder_that_cannot_be_written_is_one_line(module: str, tmp_path: Path) -> None:
    """`make dev` and the others say which folder, and how to choose another."""
    (tmp_path / "file").touch()
    environ = {
        **without_settings(os.environ),
        "ONBOARDING_DEV_FOLDER": str(tmp_path / "file" / "dev"),  # root could write into any folder
        "ONBOARDING_ENV_FILE": str(tmp_path / ".env.local"),
        "PORT": str(free_port()),
    }
    done = _python(["-m", module], environ)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(tmp_path / "file" / "dev") in done.stderr
    assert "Not a directory" in done.stderr


def test_a_developers_database_that_cannot_be_used_is_one_line(place: Path) -> None:
    """`make dev` with a mistake in `.env.local`."""
    environ = {
        **without_settings(os.environ),
        "ONBOARDING_DEV_FOLDER": str(place / "dev"),
        "ONBOARDING_ENV_FILE": str(place / ".env.local"),
        "PORT": str(free_port()),
    }
    for url, pattern in (
        (f"mysql://me:{PASSWORD}@localhost/mine", r"The database of .* cannot be used: .* Postgres|postgres"),
        (f"postgresql://me:{PASSWORD}@127.0.0.1:1/mine", r"Cannot migrate: .* nothing listens on 127.0.0.1:1"),
    ):
        (place / ".env.local").write_text(f"DATABASE_URL={url}\n")
        done = _python(["-m", "dev.server"], environ)
        assert done.returncode == 1
        assert re.search(pattern, done.stderr), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert PASSWORD not in done.stdout + done.stderr


def test_a_database_that_dies_under_a_migration_is_one_line(
    logins: LocalPostgres, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What alembic and the driver say of it takes 170 lines."""
    environ = {**without_settings(os.environ), "DATABASE_URL": database_url}
    with psycopg.connect(logins.url(user="postgres"), autocommit=True) as connection:
        name = urlsplit(database_url).path.removeprefix("/")
        with psycopg.connect(logins.url(name, user="postgres")) as holder:
            holder.execute("SELECT pg_advisory_lock(%s)", [ALEMBICS_LOCK])  # the migration waits here until it is ended
            child = subprocess.Popen(
                [sys.executable, "-m", "migrations"],
                cwd=ROOT,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            query = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND query LIKE 'SELECT pg_try_advisory%%'"
            )
            wait_until(lambda: child.poll() is not None or connection.execute(query, [name]).fetchall(), timeout=60)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 1, out
    assert err == "Cannot migrate: the connection to the database was lost: is Postgres still running?\n"


def _python(arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
