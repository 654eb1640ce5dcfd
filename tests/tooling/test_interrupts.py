"""Ctrl-C at a terminal reaches every process of a command, at any moment: none of them prints a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dev.database import development_database
from dev.harness.postgres import free_port
from dev.harness.waiting import wait_until
from dev.local_postgres import LocalPostgres, shared
from dev.settings import ROOT, without_settings

pytestmark = pytest.mark.slow

ALEMBICS_LOCK = 7_205_759_403_792_793  # as in migrations/env.py
IMPORTED_FOREVER = "import os, time\nopen(os.environ['REACHED'], 'w').close()\nwhile True: time.sleep(0.1)\n"


@pytest.mark.parametrize("module", ["dev.server", "dev.vercel_dev", "dev.database", "dev.demo", "migrations"])
def test_ctrl_c_during_the_imports_is_quiet(module: str, tmp_path: Path) -> None:
    """They take seconds on a slow machine, and somebody who typed the wrong command is quicker."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "psycopg.py").write_text(IMPORTED_FOREVER)
    reached = tmp_path / "reached"
    command = _start(module, PYTHONPATH=str(tmp_path / "modules"), REACHED=str(reached))
    wait_until(lambda: reached.exists() or command.poll() is not None, timeout=60)
    _press_ctrl_c(command)
    out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == (-signal.SIGINT, "", "")  # what a shell calls 130


@pytest.mark.parametrize("module", ["dev.server", "dev.database", "migrations"])
def test_ctrl_c_during_a_migration_is_quiet(
    module: str, place: Path, postgres: LocalPostgres, empty_database_url: str
) -> None:
    """And no process is left that would write to the terminal or to the database."""
    (place / ".env.local").write_text(f"DATABASE_URL={empty_database_url}\n")
    name = urlsplit(empty_database_url).path.removeprefix("/")
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query LIKE 'SELECT pg_try_advisory%%'"
    with psycopg.connect(postgres.url(name, user="postgres"), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [ALEMBICS_LOCK])  # the migration waits here
        command = _start(
            module,
            ONBOARDING_DEV_FOLDER=str(place / "dev"),
            ONBOARDING_ENV_FILE=str(place / ".env.local"),
            PORT=str(free_port()),
            **({"DATABASE_URL": empty_database_url} if module == "migrations" else {}),
        )
        wait_until(lambda: command.poll() is not None or holder.execute(waiting, [name]).fetchall(), timeout=60)
        _press_ctrl_c(command)
        _, err = command.communicate(timeout=60)
    assert command.returncode == (0 if module == "dev.server" else 130)
    assert err == ""


def test_two_first_starts_at_once_share_one_database(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sees whether there is one, and only one of them creates it."""
    both_looked = threading.Barrier(2)
    has_database, errors = LocalPostgres.has_database, list[Exception]()

    def looked(server: LocalPostgres, name: str) -> bool:
        found = has_database(server, name)
        with suppress(threading.BrokenBarrierError):
            both_looked.wait(2)
        return found

    def start() -> None:
        try:
            with development_database(place / "dev") as url, psycopg.connect(url):
                pass
        except Exception as error:  # whatever it is, the test shows it
            errors.append(error)

    monkeypatch.setattr(LocalPostgres, "has_database", looked)
    with shared(LocalPostgres(place / "dev" / "postgres")):
        threads = [threading.Thread(target=start) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []


def _start(module: str, **variables: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**without_settings(os.environ), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def _press_ctrl_c(command: subprocess.Popen[str]) -> None:
    os.killpg(command.pid, signal.SIGINT)
